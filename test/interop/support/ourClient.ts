/** Our own client. */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const open = (era: "legacy" | "modern") => (place: Place): Promise<Connected> =>
  Effect.runPromise(Effect.gen(function*() {
    const endpoint = place._tag === "Stdio"
      ? Endpoint.stdio({ command: place.command, args: place.args })
      : place._tag === "Sse"
      ? Endpoint.sse({ url: place.url })
      : Endpoint.http({ url: place.url })
    const deadline = place.within === undefined ? {} : { deadline: Duration.millis(place.within) }
    const scope = yield* Scope.make()
    const mcp = yield* Scope.provide(McpConnections.make(yield* McpConfig.make({ host: { endpoint, era } })), scope)
    const run = Effect.runPromiseWith(yield* Effect.context<never>())
    return {
      tools: () =>
        run(
          Effect.map(
            mcp.listTools("host"),
            (all) => Object.fromEntries(all.map((tool) => [tool.name, tool.inputSchema]))
          )
        ),
      call: (name, args) => run(Effect.map(mcp.callTool("host", { name, arguments: args }, deadline), textOf)),
      close: () => run(Scope.close(scope, Exit.void))
    }
  }))

export const ourClient: Client = {
  name: "our own client",
  transports: {
    http: open("legacy"),
    stateless: open("modern"),
    sse: open("legacy"),
    stdio: open("legacy"),
    "stateless stdio": open("modern")
  }
}
