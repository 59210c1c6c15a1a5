// The program quic is an HTTP/3 server and client for scene 12; Debian 12 has neither.
//
//	quic serve ADDRESS:PORT CERTIFICATE KEY
//	quic get CA-FILE URL
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/quic-go/quic-go/http3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quic:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "serve":
		return http3.ListenAndServeQUIC(args[1], args[2], args[3], http.HandlerFunc(answer))
	case len(args) == 3 && args[0] == "get":
		return get(args[1], args[2])
	}
	return errors.New("usage: quic serve ADDRESS CERTIFICATE KEY | quic get CA-FILE URL")
}

func answer(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"accepted":true}`) }

func get(authorities, url string) error {
	pem, err := os.ReadFile(authorities)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.Close()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
