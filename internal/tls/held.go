package tls

// Held implements protocol.Holder: messages that span records are collected here.
func (s *stream) Held() int { return cap(s.half[0].buf) + cap(s.half[1].buf) }
