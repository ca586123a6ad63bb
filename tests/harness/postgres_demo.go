package harness

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// OnPostgres builds the demo shop in a new database of the server, called shop, and its project as dir/project. The
// result is the same shop without a DuckDB file; login is the way to its tables. It takes about ten seconds.
func (d Demo) OnPostgres(ctx context.Context, server *PostgresServer, dir string) (shop Demo, login PostgresLogin, err error) {
	if login, err = server.Create(ctx, "shop"); err != nil {
		return shop, login, err
	}
	shop = d
	shop.Project = filepath.Join(dir, "project")
	shop.Manifest = filepath.Join(shop.Project, "target", "semantic_manifest.json")
	shop.Warehouse = ""
	build := exec.CommandContext(ctx, d.Python, "-EsB", filepath.Join(d.Root, "scripts", "demo_postgres.py"), shop.Project)
	build.Env = append(Environment(), login.Env(shopVariables)...)
	if out, err := build.CombinedOutput(); err != nil {
		return shop, login, fmt.Errorf("build the demo on PostgreSQL: %w\n%s", err, out)
	}
	return shop, login, nil
}

// shopVariables begins the names of the variables by which the demo's profile finds PostgreSQL.
const shopVariables = "SHOP_PG"

// ServeShop gives what a configuration of the demo says besides to be served from PostgreSQL by this login, and the
// environment that the server then needs.
func (l PostgresLogin) ServeShop() (changes map[string]any, env []string) {
	env = l.Env(shopVariables)
	return map[string]any{"metrics.target": "postgres", "metrics.env": Names(env)}, env
}
