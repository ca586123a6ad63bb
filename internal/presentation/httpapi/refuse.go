package httpapi

import (
	"net/http"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// RefuseInput closes the record of a guarded request whose input cannot be understood, and answers it.
func (e *Edge) RefuseInput(w http.ResponseWriter, r *http.Request, f *fault.Fault) {
	e.refuse(r.Context(), w, cqrs.RequestFrom(r.Context()), audit.ByInput, f)
}

// Answer answers a guarded request with a body as JSON, or with the fault that err is. The record is closed already.
func (e *Edge) Answer(w http.ResponseWriter, r *http.Request, body any, err error) {
	if err != nil {
		write(w, fault.From(err), cqrs.RequestFrom(r.Context()).ID())
		return
	}
	answer(w, http.StatusOK, body)
}
