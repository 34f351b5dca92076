/** `node packages/mcp/test/support/record-failures.ts` records the failures anew, into `fixtures/recordings`. */
import { LinkOpener } from "@holdfast/mcp/LinkOpener"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { Recorder } from "@holdfast/mcp/Recorder"
import * as Recording from "@holdfast/mcp/Recording"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { recordedFailures } from "./recordedFailures.ts"

const folder = path.resolve(import.meta.dirname, "../fixtures/recordings")

const record = ({ call, name, options, start }: typeof recordedFailures[number]) =>
  Effect.gen(function*() {
    const { endpoint, stop } = yield* Effect.promise(start)
    const lines: Array<Recording.Head | Recording.Event> = []
    const opener = yield* Recorder.tap((line) => lines.push(line))
    const { reason } = yield* Effect.gen(function*() {
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: { endpoint, era: "legacy" } }))
      return yield* Effect.flip(mcp.callTool("it", call, options))
    }).pipe(Effect.scoped, Effect.provideService(LinkOpener, opener))
    stop()
    const text = lines.map((line) =>
      "event" in line
        // Where the server was is of this machine.
        ? Recording.encodeLine(line.event === "opened" ? { ...line, target: name } : line)
        : Recording.encodeLine({ ...line, failures: [{ reason: reason._tag, message: reason.message, server: "it" }] })
    )
    fs.writeFileSync(path.join(folder, `${name}.ndjson`), `${text.join("\n")}\n`)
    console.log(`${name}: ${reason.message}`)
  })

await Effect.runPromise(Effect.forEach(recordedFailures, record, { discard: true }))
