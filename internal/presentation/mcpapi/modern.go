package mcpapi

import (
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// isModern reports whether the message belongs to revision 2026-07-28 or later. Naming it in either place is enough;
// naming it in only one of them is refused by checkModern.
func (x *exchange) isModern(r *http.Request) bool {
	return mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) ||
		mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
}

// checkModern is what revision 2026-07-28 asks of the headers of a POST. It runs before mcp-go, which is not told of
// any header and so does not read the message again for them.
func (s *Server) checkModern(r *http.Request, x *exchange) (int, *fault.Fault) {
	header, meta := r.Header.Get(mcp.HeaderProtocolVersion), x.message.Meta.ProtocolVersion
	switch {
	case r.Header.Get(mcp.HeaderLastEventID) != "":
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("Streams are not resumable in revision 2026-07-28; send the request again with a new id.")
	case header == "":
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("The Mcp-Protocol-Version header is required beside the revision in _meta.")
	case meta == "":
		return mcp.INVALID_PARAMS, refusal.ErrHeaders.Saying("params._meta must hold %s.", mcp.MetaKeyProtocolVersion)
	case header != meta:
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("The Mcp-Protocol-Version header and _meta name different revisions.")
	case !mcp.IsValidProtocolVersion(meta):
		e := mcp.UnsupportedProtocolVersionError{Version: meta, Supported: mcp.ValidProtocolVersions}
		return mcp.UNSUPPORTED_PROTOCOL_VERSION, refusal.ErrRevision.Because(e)
	case x.message.Method == "":
		return mcp.INVALID_REQUEST, refusal.ErrResponse
	}
	if !x.message.IsRequest() {
		return 0, nil
	}
	if err := mcp.ValidateStandardHeaders(r.Header.Get, meta, mcp.MCPMethod(x.message.Method), x.message.Params); err != nil {
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("The Mcp-Method and Mcp-Name headers must agree with the message.").Because(err)
	}
	if x.nameless(r) {
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("The Mcp-Name header must be the taskId of the message.")
	}
	if err := s.mirrored(r, x); err != nil {
		return mcp.HEADER_MISMATCH, refusal.ErrHeaders.Saying("The Mcp-Param headers that the tool's schema asks for must agree with its arguments.").Because(err)
	}
	return 0, nil
}

// mirrored checks the headers that repeat arguments, for those in between that decide by them (SEP-2243). Of tools that the
// caller may not see nothing is said here.
func (s *Server) mirrored(r *http.Request, x *exchange) error {
	called, ok := s.mirroring[x.message.Name]
	if !ok || x.message.Method != string(mcp.MethodToolsCall) {
		return nil
	}
	if name, _ := s.catalog.Plain(x.message.Name); !s.sees.Permits(x.request.Actor(), name) {
		return nil
	}
	return mcp.ValidateParamHeadersLookup(func(name string) (string, bool) {
		if values := r.Header.Values(name); len(values) == 1 {
			return values[0], true
		}
		return "", false // of two, whoever stands in between may have taken the other
	}, called, x.message.Params)
}
