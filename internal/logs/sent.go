package logs

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// openHeaders are headers of requests whose values everybody may read.
var openHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Content-Encoding": true, "Content-Type": true, "If-Modified-Since": true, "If-None-Match": true,
	"Traceparent": true, "Tracestate": true, "User-Agent": true,
}

// AddAnswered makes secret what the request of an answer, which may be nil, had and nobody else may read: the values of its
// headers, such as an extension's token and the password of its URL. A server may send them back.
func (s *Scrubber) AddAnswered(answer *http.Response) {
	if answer == nil || answer.Request == nil {
		return
	}
	for name, values := range answer.Request.Header {
		if openHeaders[name] {
			continue
		}
		for _, value := range values {
			s.AddHeader(value)
		}
	}
}

// AddHeader makes a header's value secret, and what is behind the name of its scheme, such as Bearer. Basic is decoded, too.
func (s *Scrubber) AddHeader(value string) {
	_ = s.Add(value) // at most a request's: there is room
	scheme, rest, _ := strings.Cut(value, " ")
	_ = s.Add(rest)
	if strings.EqualFold(scheme, "Basic") {
		if decoded, err := base64.StdEncoding.DecodeString(rest); err == nil {
			_, password, _ := strings.Cut(string(decoded), ":")
			_ = s.Add(password)
		}
	}
}

// AddURL makes secret the password of a URL, the header that it is sent as, and the values of the query.
func (s *Scrubber) AddURL(u *url.URL) {
	if u == nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		_ = s.Add(password)
		_ = s.Add(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)))
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = name
		}
		_ = s.Add(value)
		if decoded, err := url.QueryUnescape(value); err == nil {
			_ = s.Add(decoded)
		}
	}
}
