package convert

// importFormats lists what can be imported. Where several would recognise a file, the first one takes it.
func importFormats() []format {
	return []format{
		{name: "mud", title: "manufacturer usage description (RFC 8520, RFC 9761)", is: isMUD, one: true, read: (*draft).mud},
	}
}
