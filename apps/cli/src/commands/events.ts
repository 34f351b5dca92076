/**
 * `holdfast events [-f]`: what has happened to servers, as far as the daemon still knows, and what happens.
 */
import type { Event } from "@holdfast/daemon/ControlContract"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as DaemonFeed from "../DaemonFeed.ts"
import { ExitCode } from "../ExitCode.ts"
import { Shell } from "../Shell.ts"
import { clockOf, spanOf } from "../Sizes.ts"
import { printable, styleOf } from "../Style.ts"
import { firstLine } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"
import { ended } from "./logs.ts"

export interface EventsInput {
  readonly follow: boolean
  readonly json: boolean
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ follow, json }: EventsInput) {
  const { stdout } = yield* Shell
  const { bold, dim, red } = styleOf(stdout)
  const print = (event: Event) => {
    if (json) return writeResult(`${JSON.stringify(event)}\n`)
    const [name, server, words] = inWords(event)
    const emphasised = (bad.has(name) ? red : bold)(name.padEnd(widest))
    const parts = [dim(clockOf(event.at)), emphasised, printable(server), printable(words)]
    return writeResult(`${parts.filter((part) => part !== "").join("  ")}\n`)
  }
  if (!follow) {
    const { events } = yield* DaemonFeed.pastEvents
    yield* Effect.forEach(events, print, { discard: true })
    return ExitCode.ok
  }
  const following = Effect.andThen(Stream.runForEach(DaemonFeed.events(0), print), Effect.fail(ended))
  yield* Effect.raceFirst(following, stdout.gone)
  return ExitCode.ok
})

const bad: ReadonlySet<string> = new Set(["failed", "lost", "refused"])

/** `restarted` is the longest name. */
const widest = 9

/** Its name, its server, and the rest of it on one line. */
const inWords = (event: Event): readonly [name: string, server: string, words: string] => {
  const name = event.event
  switch (event.event) {
    case "started":
    case "restarted":
    case "ended":
      return [name, event.server, `process ${event.pid}`]
    case "ready":
      return [name, event.server, `process ${event.pid}, ${event.era}, after ${spanOf(event.millis)}`]
    case "failed":
      return [name, event.server, `at ${event.step}: ${firstLine(event.message)}`]
    case "lost":
      return [name, event.server, `process ${event.pid}: ${firstLine(event.message)}`]
    case "leased":
    case "returned":
      return [
        name,
        event.server,
        `${event.pid === undefined ? "" : `process ${event.pid}, `}by ${event.by.program} (${event.by.pid})`
      ]
    case "called": {
      const code = event.code === undefined ? "" : `, error ${event.code}`
      const failed = event.isError === true ? ", the tool failed" : ""
      return [
        name,
        event.server,
        `${event.tool} ${event.delivery}${failed}${code} in ${
          spanOf(event.millis)
        }, by ${event.by.program} (${event.by.pid})`
      ]
    }
    case "refused":
      return [
        name,
        event.server ?? "",
        `${event.by === undefined ? "" : `${event.by.program} (${event.by.pid}): `}${firstLine(event.message)}`
      ]
    case "asked":
      return [name, event.server, `${event.tool} asks: holdfast answer ${event.question}`]
    case "settled":
      return [name, event.server, `question ${event.question} of ${event.tool}`]
    case "leaving":
      return [name, "", `the daemon makes way for ${event.version}`]
  }
}
