/** What is recorded of a server in memory. */
import type { Endpoint } from "@holdfast/mcp/Endpoint"
import { LinkOpener } from "@holdfast/mcp/LinkOpener"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type LayerOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { Recorder, type TapOptions } from "@holdfast/mcp/Recorder"
import type * as Recording from "@holdfast/mcp/Recording"
import * as Effect from "effect/Effect"

const clientInfo = { name: "test", version: "0.0.0" }

/** Everything that is recorded while this is done with a server. */
export const tapped = <A, E>(
  server: { readonly endpoint: Endpoint },
  use: (mcp: McpConnections["Service"]) => Effect.Effect<A, E>,
  options: TapOptions & Pick<LayerOptions, "handlers"> = {}
) =>
  Effect.gen(function*() {
    const lines: Array<Recording.Head | Recording.Event> = []
    const opener = yield* Recorder.tap((line) => lines.push(line), options)
    const config = yield* McpConfig.make({ it: server.endpoint })
    const result = yield* Effect.scoped(
      Effect.flatMap(McpConnections.make(config, { clientInfo, handlers: options.handlers }), use)
    ).pipe(Effect.provideService(LinkOpener, opener))
    const [head, ...events] = lines
    if (head === undefined || "event" in head) return yield* Effect.die("there is no head")
    return { head, events: events.filter((line) => "event" in line), result }
  })
