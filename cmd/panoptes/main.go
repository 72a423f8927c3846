// Command panoptes is for the authors of plugins and the operators of collectors: it runs one plugin, matches resources,
// shows what would go to Kafka and what is there, and starts the quickstart.
package main

import (
	"os"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
