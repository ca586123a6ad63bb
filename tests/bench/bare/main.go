// Command bare is the server that Steward is measured against: mcp-go, of the version in go.mod, with one tool and
// nothing around it. It checks no credential, keeps no record and takes its library's defaults.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	stdio := flag.Bool("stdio", false, "serve standard input and output instead of a port")
	flag.Parse()
	if err := run(*stdio); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(stdio bool) error {
	bare := server.NewMCPServer("bare", "1")
	bare.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())), echo)
	if stdio {
		return server.ServeStdio(bare)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// What StreamableHTTPServer.Start does, on a port of the system's choice.
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.NewStreamableHTTPServer(bare))
	fmt.Printf("http://%s/mcp\n", listener.Addr())
	return http.Serve(listener, mux)
}

func echo(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	text, err := r.RequireString("text")
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText(text), nil
}
