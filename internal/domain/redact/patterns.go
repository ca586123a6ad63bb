package redact

import "strings"

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
	word    = letters + digits + "_"
	base64s = word + "-+/="
	token68 = base64s + ".~" // RFC 7235 §2.1
)

// run is how far characters of a set go on from at.
func run(text string, at int, set string) int {
	for at < len(text) && strings.IndexByte(set, text[at]) >= 0 {
		at++
	}
	return at
}

// ownKeys are keys of Steward's, stw_<env>_<id>_<secret><checksum>.
func ownKeys() []pattern {
	patterns := []pattern{{text: "stw_", class: OwnKey, exact: true, extend: ownKey}}
	const least = 60 // of base64: half a key is 50 characters of it with the prefix
	for _, form := range encoded("stw_") {
		p := pattern{text: lowered(form), class: OwnKey, exact: true, extend: func(s *scanning, found span) (span, bool) {
			if s.text[found.from:found.to] != form {
				return found, false
			}
			found.to = run(s.text, found.to, base64s)
			return found, found.to-found.from >= least
		}}
		patterns = append(patterns, p)
	}
	return patterns
}

// ownKey leaves the environment and the id, which name the key.
func ownKey(s *scanning, found span) (span, bool) {
	const longestEnv, id, least = 16, 16, 16
	env := run(s.text, found.to, letters+digits)
	name := run(s.text, min(env+1, len(s.text)), letters+digits)
	if env-found.to <= longestEnv && name-env == 1+id && name < len(s.text) && s.text[name] == '_' {
		end := run(s.text, name+1, word)
		return span{from: name + 1, to: end, class: found.class}, end-name > least
	}
	const broken = 40 // what is too long for a name is a key that was mistyped
	found.to = run(s.text, found.to, word)
	return found, found.to-found.from >= broken
}

// foreign are secrets of others, by what they look like.
func foreign() []pattern {
	patterns := []pattern{
		{text: "eyj", class: JWT, extend: jwt},
		{text: "bearer ", class: Credential, extend: credential},
		{text: "basic ", class: Credential, extend: credential},
		{text: "-----begin ", class: PrivateKey, extend: privateKey},
		{text: "://", class: Userinfo, extend: userinfo},
	}
	for _, v := range []struct {
		prefix string
		least  int
	}{
		{"sk-ant-", 8},
		{"sk-proj-", 16},
		{"ghp_", 20},
		{"gho_", 20},
		{"ghs_", 20},
		{"ghu_", 20},
		{"github_pat_", 20},
		{"glpat-", 16},
		{"xoxb-", 10},
		{"xoxp-", 10},
		{"AKIA", 16},
		{"ASIA", 16},
		{"AIza", 30},
	} {
		patterns = append(patterns, pattern{text: lowered(v.prefix), class: VendorKey, extend: vendorKey(v.prefix, v.least)})
	}
	for _, name := range []string{
		"password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "private_key", "access_key",
		"authorization", "credential", "credentials", "pepper",
	} {
		patterns = append(patterns, pattern{text: name, class: Named, extend: named})
	}
	return append(patterns, pattern{text: "cookie", class: Named, extend: namedLine})
}

func vendorKey(prefix string, least int) func(*scanning, span) (span, bool) {
	return func(s *scanning, found span) (span, bool) {
		if s.text[found.from:found.to] != prefix || found.from > 0 && strings.IndexByte(letters+digits, s.text[found.from-1]) >= 0 {
			return found, false
		}
		end := run(s.text, found.to, word+"-")
		long := end-found.to >= least
		found.to = end
		return found, long
	}
}

// jwt is three parts of base64 with dots between them (RFC 7519); the last may be empty or cut off.
func jwt(s *scanning, found span) (span, bool) {
	const part, least = word + "-", 8
	if found.from < s.noJWT || s.text[found.from:found.to] != "eyJ" {
		return found, false
	}
	head := run(s.text, found.to, part)
	if head == len(s.text) || s.text[head] != '.' {
		s.noJWT = head // whatever begins in between has no dot either
		return found, false
	}
	body := run(s.text, head+1, part)
	if body-head <= least {
		s.noJWT = head
		return found, false
	}
	found.to = body
	if body < len(s.text) && s.text[body] == '.' {
		found.to = run(s.text, body+1, part)
	}
	return found, true
}

func credential(s *scanning, found span) (span, bool) {
	value := span{from: found.to, to: run(s.text, found.to, token68), class: found.class}
	return value, secretive(s.text[value.from:value.to])
}

// secretive tells what a generator made from a word of a sentence.
func secretive(text string) bool {
	const least, word = 8, 20
	return len(text) >= word || len(text) >= least && strings.ContainsAny(text, digits)
}

// privateKey is a PEM block (RFC 7468), as it is or in JSON, where its lines end in \n.
func privateKey(s *scanning, found span) (span, bool) {
	const label, mark = 48, "PRIVATE KEY"
	head := s.text[found.to:min(len(s.text), found.to+label)]
	name, _, _ := strings.Cut(head, "-----")
	if !strings.Contains(name, mark) {
		return found, false
	}
	at := found.to + len(name)
	end := run(s.text, at, base64s+" \r\n\\:,") // to what cannot be of the block, or the next label
	found.to = end
	return found, true
}

// userinfo is what stands before the @ of an authority (RFC 3986 §3.2.1).
func userinfo(s *scanning, found span) (span, bool) {
	end := found.to
	for end < len(s.text) && s.text[end] > ' ' && strings.IndexByte(`/?#"'<>\`+"`", s.text[end]) < 0 {
		end++
	}
	at := strings.LastIndexByte(s.text[found.to:end], '@')
	return span{from: found.to, to: found.to + at, class: found.class}, at > 0
}

func named(s *scanning, found span) (span, bool)     { return assigned(s, found, " \t\r\n&,;)}]") }
func namedLine(s *scanning, found span) (span, bool) { return assigned(s, found, "\r\n") }

// assigned is the value of name=value, name: value or "name":"value", however often quotes were escaped. ends are the
// characters that end a value without quotes.
func assigned(s *scanning, found span, ends string) (span, bool) {
	key := behindQuote(s.text, found.to)
	separator := few(s.text, key, " ")
	if separator == len(s.text) || s.text[separator] != '=' && s.text[separator] != ':' {
		return found, false
	}
	at := few(s.text, separator+1, " ")
	quotes := s.text[found.to:key]
	inJSON := strings.HasSuffix(quotes, `"`) && bare(quotes)
	v := span{from: behindQuote(s.text, at), class: found.class}
	if v.from > at {
		v.to = closing(s.text, v.from, s.text[v.from-1], !bare(s.text[at:v.from]))
		// A bare quote may also close a text of JSON that ends in name=.
		closes := !inJSON && bare(s.text[at:v.from]) && v.to > v.from && strings.IndexByte(":,}]", s.text[v.from]) >= 0
		return v, v.to > v.from && !closes && s.text[v.from:v.to] != Mark
	}
	v.to = v.from
	for v.to < len(s.text) && strings.IndexByte(ends+`"'\`, s.text[v.to]) < 0 {
		v.to++
	}
	v.quote = inJSON
	return v, tells(s.text[v.from:v.to], quotes != "", s.text[separator])
}

// tells reports whether a bare value behind a separator is one that must go.
func tells(value string, quotedName bool, separator byte) bool {
	switch {
	case value == "", value[0] == '{', value[0] == '[':
		return false
	case quotedName:
		return value != "null" && value != "true" && value != "false"
	}
	// In a sentence, what follows a colon is mostly a word of it.
	return separator == '=' || secretive(value)
}

// few is behind the characters of a set at at, of which there are at most some.
func few(text string, at int, set string) int {
	const most = 4
	return run(text[:min(len(text), at+most)], at, set)
}

// behindQuote is behind a quote, escaped or not, or at itself when there is none.
func behindQuote(text string, at int) int {
	if to := few(text, at, `\`); to < len(text) && (text[to] == '"' || text[to] == '\'') {
		return to + 1
	}
	return at
}

// bare reports whether a quote with the backslashes before it is one that is not escaped.
func bare(quote string) bool { return len(quote)%2 == 1 }

// closing is where the quotes of a value that begins at from are closed, or where the text ends.
func closing(text string, from int, quote byte, escaped bool) int {
	for i := from; i < len(text); i++ {
		switch text[i] {
		case quote, '"': // which ends the text of JSON around single quotes
			return i
		case '\\':
			if escaped {
				return i
			}
			i++
		}
	}
	return len(text)
}
