/** A stdio server with a tool that never answers. */
import * as StdioHost from "@holdfast/server/StdioHost"
import { echoServer, steering } from "./echoServer.ts"

StdioHost.runMain(StdioHost.run({ server: echoServer(steering()), drainTimeout: "200 millis" }))
