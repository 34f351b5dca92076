/**
 * A client in a process of its own. Once it has loaded it prints `ready`, and waits for the id of a scan on stdin. Then it connects,
 * polls the scan, prints each percentage, and ends with the scan.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { call, connect } from "../scans/support/ScanServer.ts"

const [url = ""] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })
process.stdout.write("ready\n")
const [id] = await once(lines, "line")
lines.close()

await Effect.runPromise(
  Effect.scoped(Effect.gen(function*() {
    const mcp = yield* connect(url)
    yield* call(mcp, "get_scan_progress", { id }).pipe(
      Effect.tap(({ percent }) => Effect.sync(() => process.stdout.write(`${Number(percent)}\n`))),
      Effect.repeat({
        schedule: Schedule.spaced("200 millis"),
        until: ({ state }) => state !== "queued" && state !== "running"
      })
    )
  })).pipe(
    // Stdout is for percentages, and what happens to its server is what the story tells: nothing else of it is to be seen.
    Effect.provide(Logger.layer([]))
  )
)
