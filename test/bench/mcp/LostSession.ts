/**
 * A call whose session the server has forgotten, answered 404, beside the least that it can take: a handshake and the call. The server loses
 * the session again and again, a call after each time, as one does that reloads while its author works on it.
 */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as BestProcess from "../core/BestProcess.ts"
import * as Report from "../Report.ts"
import type { Task } from "./lostSessionContender.ts"

const task: Task = { times: 40 }

const names = [
  "after a lost session",
  "handshake and call",
  "SDK, after a lost session",
  "SDK, handshake and call"
] as const

export const lostSession = Effect.gen(function*() {
  const { best, ratio, row } = yield* BestProcess.run(names.map((name) => ({
    name,
    args: [path.join(import.meta.dirname, "lostSessionContender.ts"), name, "0"],
    core: "1",
    task,
    isForeign: name.startsWith("SDK")
  })))
  Report.print(
    `A call over Streamable HTTP whose session the server has forgotten: the best of ${BestProcess.processes} processes`,
    [
      ...names.map((name) => row(name, () => `${best(name).toFixed(2)} ms`)),
      ratio("after a lost session ÷ handshake and call", ["after a lost session", "handshake and call"], { atMost: 2 }),
      ratio("handshake and call ÷ the SDK's", ["handshake and call", "SDK, handshake and call"])
    ]
  )
})
