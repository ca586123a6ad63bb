// Package oidc signs in as clients do: a certified OpenID provider issues access tokens to certified clients and to an MCP
// client, and Steward is called with them.
package oidc
