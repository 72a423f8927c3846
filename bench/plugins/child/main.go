// Command child is the plugin that is measured: as a process plugin, as a bare loop without protocol, and as a program
// that is started for each run. It needs nothing but itself, when it is built without cgo.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/panoptes-otel/panoptes-otel/bench/plugins/sample"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func main() {
	switch os.Args[1] {
	case "serve":
		if err := pluginsdk.Serve(pluginsdk.PollingPluginFunc(sample.Run)); err != nil {
			panic(err)
		}
	case "bare":
		bare()
	case "once":
		_, _ = os.Stdout.WriteString(sample.Short)
	}
}

// bare reads a JSON object a line and answers with another, by the standard library alone.
func bare() {
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var request sample.Request
		if err := json.Unmarshal(line, &request); err != nil {
			panic(err)
		}
		answer, err := json.Marshal(sample.NewAnswer(request.ID))
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.Write(append(answer, '\n'))
	}
}
