package convert

// Loss is something that a document says and its translation does not.
type Loss struct {
	// Place is where it is said: "file:line:column: /pointer", with what is known of it.
	Place string
	// What is said there.
	What string
	// Why it is not, or not exactly, in the translation, and what became of it.
	Why string
}
