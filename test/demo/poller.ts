/** A client in a process of its own: polls one scan, prints each percentage, ends with the scan. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { call, connect } from "../scans/support/ScanServer.ts"

const [url = "", id = ""] = process.argv.slice(2)

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
