// Command benchcap writes a capture to measure with.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"netsensor/internal/benchcap"
)

func main() {
	mode := flag.String("mode", "mix", "`kind` of traffic: mix, flood (connections that stay open) or bulk (downloads)")
	packets := flag.Int("packets", 2_000_000, "mix: about how many packets")
	flows := flag.Int("flows", 0, "how many flows (mix: 150000, flood: 1000000, bulk: 50)")
	size := flag.Int("size", 20_000_000, "bulk: bytes a download")
	seed := flag.Uint64("seed", 1, "chooses the random sequence")
	out := flag.String("o", "-", "`file` to write; - is standard output")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	amount := func(otherwise int) int {
		if *flows == 0 {
			return otherwise
		}
		return *flows
	}
	var write func(io.Writer) error
	switch *mode {
	case "mix":
		write = func(w io.Writer) error {
			return benchcap.Write(w, benchcap.Config{Packets: *packets, Flows: amount(150_000), Seed: *seed})
		}
	case "flood":
		write = func(w io.Writer) error { return benchcap.Flood(w, amount(1_000_000), *seed) }
	case "bulk":
		write = func(w io.Writer) error { return benchcap.Bulk(w, amount(50), *size, *seed) }
	default:
		fmt.Fprintf(os.Stderr, "benchcap: -mode %s is not known\n", *mode)
		os.Exit(2)
	}
	if err := save(*out, write); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func save(path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(os.Stdout)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("benchcap: %w", err)
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
