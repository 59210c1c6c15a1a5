package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"path/filepath"
	"testing"

	"netsensor/internal/capture"
	"netsensor/internal/engine"
	"netsensor/internal/eve"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
	"netsensor/pcaps"
)

// password is the only one in the captures; pcaps/make has it in all its scenes.
const password = "not-a-real-password"

// disguises returns what the password looks like in the encodings that protocols and events use.
func disguises() map[string]string {
	forms := map[string]string{
		"plain": password, "hex": hex.EncodeToString([]byte(password)), "plain, cut": password[:12], "backwards": "drowssap-laer",
	}
	utf16 := make([]byte, 0, 2*len(password))
	for i := range len(password) {
		utf16 = append(utf16, password[i], 0)
	}
	forms["UTF-16 in hex"] = hex.EncodeToString(utf16)
	for name, b := range map[string][]byte{"": []byte(password), " of UTF-16": utf16} {
		// Wherever it begins within three bytes, the middle of its base64 is one of three texts.
		for shift := range 3 {
			text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
			forms["base64"+name+" "+string(rune('0'+shift))] = text[4:20]
		}
	}
	m, s, h := md5.Sum([]byte(password)), sha1.Sum([]byte(password)), sha256.Sum256([]byte(password))
	forms["MD5"], forms["SHA-1"], forms["SHA-256"] = hex.EncodeToString(m[:]), hex.EncodeToString(s[:]), hex.EncodeToString(h[:])
	return forms
}

// No password is written, in no event of any type, judged or not, and in no summary.
func TestNoSecretIsWritten(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "pcaps", "*.pcap"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	forms := disguises()
	for _, file := range files {
		for _, judged := range []bool{false, true} {
			var out, screen bytes.Buffer
			cfg := engine.Config{Workers: 1, Parsers: parsers, Sink: output.NewStream(&out), EVE: eve.Options{DNSVersion: 3}}
			var s *site
			if judged {
				s = vaultSite(t)
				s.configure(&cfg)
			}
			totals, err := engine.New(cfg).Run([]engine.Input{{Name: file, Open: func() (capture.Source, error) { return capture.Open(file, capture.Options{}) }}})
			if err != nil {
				t.Fatal(err)
			}
			summarise(&screen, totals, s, 0)
			for name, form := range forms {
				for where, text := range map[string][]byte{"events": out.Bytes(), "summary": screen.Bytes()} {
					if i := bytes.Index(bytes.ToLower(text), bytes.ToLower([]byte(form))); i >= 0 {
						t.Errorf("%s, judged %v: the password (%s) is in the %s: …%s…", file, judged, name, where, text[max(i-200, 0):min(i+60, len(text))])
					}
				}
			}
		}
	}
}

func vaultSite(t *testing.T) *site {
	m, err := manifest.Decode("acme-vault.json", pcaps.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("site.json", pcaps.Bindings())
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSite([]*manifest.Manifest{m}, b, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The captures do hold what the test above looks for.
func TestSecretsAreThere(t *testing.T) {
	file := filepath.Join("..", "..", "pcaps", "09-default-account.pcap")
	src, err := capture.Open(file, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	forms, found := disguises(), map[string]bool{}
	var batch capture.Batch
	for src.Read(&batch, 1000) == nil {
		for i := range batch.Frames {
			for name, form := range forms {
				found[name] = found[name] || bytes.Contains(batch.Frames[i].Data, []byte(form))
			}
		}
		batch.Release()
	}
	if !found["plain"] || !(found["base64 0"] || found["base64 1"] || found["base64 2"]) {
		t.Errorf("found %v", found)
	}
}
