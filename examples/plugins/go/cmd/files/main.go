// Command files is the plugin of examples/plugins/go/files as a program of its own: a process plugin.
package main

import (
	"log"

	"github.com/panoptes-otel/panoptes-otel/examples/plugins/go/files"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func main() {
	if err := pluginsdk.Serve(files.Plugin{}); err != nil {
		log.Fatal(err)
	}
}
