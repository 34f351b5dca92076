/** Frames that no specification knows, from a server that means no good, while a call waits. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import { SeededRandom } from "@holdfast/testkit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { inTime } from "./support/memoryTime.ts"

const depth = 50_000
const deep = `${"[".repeat(depth)}${"]".repeat(depth)}`

const values = [
  "1",
  "0",
  "-1",
  "1.5",
  "1e20",
  "1e999",
  "-1e308",
  "9007199254740993",
  "\"x\"",
  "\"\"",
  "\"7\"",
  "null",
  "true",
  "false",
  "[]",
  "{}",
  "{\"a\":1}",
  "\"\\ud800\"",
  "\"__proto__\"",
  "[[]]",
  "[{\"type\":\"text\",\"text\":\"y\"}]",
  deep
] as const

const names = [
  "id",
  "result",
  "error",
  "method",
  "params",
  "code",
  "message",
  "data",
  "progressToken",
  "progress",
  "total",
  "requestId",
  "_meta",
  "resultType",
  "inputRequests",
  "requestState",
  "__proto__",
  "constructor",
  "tools",
  "nextCursor",
  "content",
  "isError",
  "structuredContent",
  "uri",
  "level",
  "name",
  "inputSchema",
  "annotations",
  "reason"
] as const

const methods = [
  "notifications/progress",
  "notifications/cancelled",
  "notifications/message",
  "notifications/tools/list_changed",
  "notifications/subscriptions/acknowledged",
  "roots/list",
  "sampling/createMessage",
  "elicitation/create",
  "ping",
  "__proto__"
] as const

/** JSON at random: an object of the names above, or a value. */
const json = (random: SeededRandom.SeededRandom, levels: number): string => {
  if (levels <= 0 || random.chance(0.4)) return random.pick(values)
  const members = Array.from({ length: random.int(0, 3) }, () => `"${random.pick(names)}":${json(random, levels - 1)}`)
  return `{${members.join()}}`
}

const frame = (random: SeededRandom.SeededRandom, own: string): string => {
  const id = random.chance(0.7) ? random.pick([own, own, `"${own}"`]) : random.pick(values)
  const answer = () =>
    random.chance(0.5)
      ? `{"jsonrpc":"2.0","id":${id},"result":${json(random, 3)}}`
      : `{"jsonrpc":"2.0","id":${id},"error":${
        random.chance(0.7)
          ? `{"code":${random.pick(values)},"message":${random.pick(values)},"data":${json(random, 2)}}`
          : json(random, 2)
      }}`
  switch (random.int(0, 4)) {
    case 0:
      return `{${random.chance(0.5) ? `"id":${random.pick(values)},` : ""}"jsonrpc":"2.0","method":"${
        random.pick(methods)
      }","params":${json(random, 3)}}`
    case 1:
      return `[${json(random, 2)},${answer()},${answer()}]`
    case 2:
      return json(random, 4)
    default:
      return answer()
  }
}

describe("a frame that no specification knows", () => {
  for (const era of ["legacy", "modern"] as const) {
    it.effect(`costs a ${era} call no more than its answer, and the connection nothing`, () =>
      Effect.gen(function*() {
        const faults: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => {
          if (logLevel === "Error") faults.push(String(message))
        })
        for (let seed = 0; seed < 150; seed++) {
          const random = SeededRandom.make(seed * 2 + (era === "modern" ? 1 : 0))
          const said: Array<string> = []
          const server = yield* MemoryServer.make({
            era,
            handlers: {
              strange: (_, call) =>
                Effect.suspend(() => {
                  for (let count = random.int(1, 3); count > 0; count--) said.push(frame(random, String(call.id)))
                  call.connection.write(said.map((text) => `${text}\n`).join(""))
                  return Effect.as(Effect.sleep("1 millis"), { late: true })
                }),
              plain: () => Effect.succeed({ plain: true })
            }
          })
          const what = () => `seed ${seed}: ${said.map((text) => text.slice(0, 300)).join("\n")}`
          yield* Effect.scoped(Effect.gen(function*() {
            const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: server.endpoint }))
            const call = yield* Effect.forkChild(
              Effect.exit(mcp.request("s", { method: "strange" }, { deadline: "1 second", onProgress: () => {} })),
              { startImmediately: true }
            )
            const exit = yield* inTime(Fiber.join(call))
            if (exit._tag === "Failure") {
              assert.isTrue(exit.cause.reasons.every(Cause.isFailReason), what())
              for (const reason of exit.cause.reasons) {
                const { message } = Cause.isFailReason(reason) ? reason.error : new Error()
                assert.isBelow(message.length, 5000, what())
              }
            }
            assert.deepStrictEqual(yield* inTime(mcp.request("s", { method: "plain" })), { plain: true }, what())
            assert.strictEqual(server.opened(), 1, what())
          })).pipe(Effect.provide(Logger.layer([logger])))
          assert.deepStrictEqual(faults, [], what())
        }
      }))
  }
})
