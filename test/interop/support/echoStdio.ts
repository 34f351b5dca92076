/** Our host over stdio with the server that echoes. */
import * as StdioHost from "@holdfast/server/StdioHost"
import { server } from "./echoServer.ts"

StdioHost.runMain(StdioHost.run({ server }))
