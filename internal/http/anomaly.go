package http

import "netsensor/internal/protocol"

// code is an anomaly. Those that exist for requests and responses are pairs, the request's first.
type code uint8

const (
	fieldMissingColon code = iota
	_
	fieldTooLong
	_
	invalidContentLength
	_
	duplicateContentLength
	_
	invalidTransferEncoding
	_
	invalidChunkLength
	_
	requestSmuggling
	responseSmuggling
	requestLineInvalid
	responseBodyUnexpected
	responseInvalidStatus
	hostAmbiguous
	missingHost

	// HTTP/2.
	invalidFrameLength
	invalidFrameData
	longHeaders
	failedDecompression
	authorityMismatch
	tooManyStreams
)

// Suricata's names, but for the smuggling, which it has none for.
var anomalies = [...]string{
	"request_field_missing_colon", "response_field_missing_colon",
	"request_field_too_long", "response_field_too_long",
	"invalid_content_length_field_in_request", "invalid_content_length_field_in_response",
	"duplicate_content_length_field_in_request", "duplicate_content_length_field_in_response",
	"invalid_transfer_encoding_value_in_request", "invalid_transfer_encoding_value_in_response",
	"invalid_request_chunk_len", "invalid_response_chunk_len",
	"request_smuggling", "response_smuggling",
	"request_line_invalid", "response_body_unexpected", "response_invalid_status", "host_header_ambiguous", "missing_host_header",
	"invalid_frame_length", "invalid_frame_data", "reassembly_limit_reached", "failed_decompression", "authority_host_mismatch", "too_many_streams",
}

// of returns the code for a message of the given role.
func (a code) of(r role) code {
	if r == responses {
		return a + 1
	}
	return a
}

// anomaly reports each kind once per flow.
func (s *stream) anomaly(c *protocol.Context, d protocol.Dir, a code) {
	id := protocol.NoTx
	if tx := s.side[d].tx; tx != nil {
		id = tx.id
	}
	s.complain(c, d, id, a)
}
