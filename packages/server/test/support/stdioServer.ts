/** A stdio server with a timer that would keep it for ever. */
import * as StdioHost from "@holdfast/server/StdioHost"
import { echoServer, steering } from "./echoServer.ts"

const steer = steering()
// Whoever waits is answered a moment later: requests in flight when stdin ends.
setInterval(() => {
  for (const answer of steer.waiting.splice(0)) answer("in time")
}, 100)

StdioHost.runMain(StdioHost.run({ server: echoServer(steer) }))
