package manifest

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"netsensor/internal/strict"
)

//go:embed schema/behaviour-manifest-1.schema.json
var manifestSchema []byte

//go:embed schema/bindings-1.schema.json
var bindingsSchema []byte

// Schema returns the JSON Schema (2020-12) of manifests.
func Schema() []byte { return bytes.Clone(manifestSchema) }

// BindingsSchema returns the JSON Schema (2020-12) of bindings.
func BindingsSchema() []byte { return bytes.Clone(bindingsSchema) }

// ValidateSchema holds the manifest's text against Schema. Decode accepts no less than the schema does and names
// faults better, so there is nothing to find in what it has decoded: this proves it, for those who trust the schema
// only. It needs about twenty times the memory of the text.
func (m *Manifest) ValidateSchema() []Finding { return validate(manifestSchema, m.doc) }

// ValidateSchema is like Manifest.ValidateSchema. Bindings that were written as YAML are validated in their JSON
// form.
func (b *Bindings) ValidateSchema() []Finding {
	text, err := b.Encode()
	if err != nil {
		return []Finding{{ID: "schema", Severity: Error, File: b.File, Message: err.Error()}}
	}
	found := validate(bindingsSchema, strict.NewJSON(b.File, string(text), limits))
	for i := range found {
		// These are places of the re-written text.
		found[i].Line, found[i].Column = 0, 0
	}
	return found
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", parsed); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

func validate(schema []byte, doc *strict.Document) []Finding {
	whole := func(err error) []Finding {
		return []Finding{{ID: "schema", Severity: Error, File: doc.Name(), Message: err.Error()}}
	}
	s, err := compileSchema(schema)
	if err != nil {
		return whole(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(doc.JSON()))
	if err != nil {
		return whole(err)
	}
	err = s.Validate(value)
	if err == nil {
		return nil
	}
	var fault *jsonschema.ValidationError
	if !errors.As(err, &fault) {
		return whole(err)
	}
	var found []Finding
	printer := message.NewPrinter(language.English)
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			collect(c)
		}
		if len(e.Causes) == 0 && len(found) < strict.MaxErrors {
			found = append(found, Finding{
				ID: "schema", Severity: Error, Pointer: strict.JoinPointer(e.InstanceLocation...),
				Message: fmt.Sprint(e.ErrorKind.LocalizedString(printer)),
			})
		}
	}
	collect(fault)
	return place(doc, found)
}

// place fills in the places of findings and sorts them by these.
func place(doc *strict.Document, found []Finding) []Finding {
	pointers := make([]string, len(found))
	for i := range found {
		pointers[i] = found[i].Pointer
	}
	for i, p := range doc.Locate(pointers) {
		found[i].File = doc.Name()
		found[i].Line, found[i].Column = doc.Position(p)
	}
	sortFindings(found)
	return found
}
