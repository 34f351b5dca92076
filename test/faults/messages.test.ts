/** Public faults of what peers say, each named by its symptom, with the report. */
import { assert, describe, it } from "@effect/vitest"
import { type LayerOptions, McpConfig, McpConnections } from "@holdfast/mcp"
import { type MemoryPeer, MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Faults from "./support/faults.ts"

/** A server that says a line when it is asked to, `ID` and `TOKEN` being those of the request. */
const saying = (lines: ReadonlyArray<string>) =>
  MemoryServer.make({
    tools: {
      fine: { run: () => Effect.succeed("fine") },
      odd: {
        run: (_, { connection, id, params }) => {
          const meta = params["_meta"]
          const token = typeof meta === "object" && meta !== null && "progressToken" in meta ? meta.progressToken : 0
          const text = lines.map((line) => line.replaceAll("ID", String(id)).replaceAll("TOKEN", String(token)))
          connection.write(text.map((line) => `${line}\n`).join(""))
          return Effect.never
        }
      }
    }
  })

const withServer = <A, E>(
  lines: ReadonlyArray<string>,
  f: (mcp: McpConnections["Service"], server: Saying) => Effect.Effect<A, E>,
  options: LayerOptions = {}
) =>
  Effect.gen(function*() {
    const server = yield* saying(lines)
    const config = yield* McpConfig.make({ bad: { endpoint: server.endpoint, era: "legacy" } })
    return yield* Effect.provide(
      Effect.flatMap(McpConnections, (mcp) =>
        Effect.gen(function*() {
          const result = yield* f(mcp, server)
          yield* mcp.callTool("bad", { name: "fine" }, { deadline: "10 seconds" })
          assert.strictEqual(server.opened(), 1, "the connection goes on")
          return result
        })),
      McpConnections.layer(config, options)
    )
  }).pipe(Effect.provide(Logger.layer([])))

type Saying = Effect.Success<ReturnType<typeof saying>>

const odd = (mcp: McpConnections["Service"], onProgress?: (progress: { readonly progress: number }) => void) =>
  mcp.callTool("bad", { name: "odd" }, { deadline: "10 seconds", idempotent: false, onProgress })

const done = `{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}`

describe("XcodeMCPKit#219, grpc-node#2801: an error code out of range ends the program", () => {
  for (const code of ["1e100", "-1e100", "9007199254740994", "300", "1.5"]) {
    it.live(`the call fails with the server's words and the code ${code}`, () =>
      withServer(
        [`{"jsonrpc":"2.0","id":ID,"error":{"code":${code},"message":"no room"}}`],
        (mcp) =>
          Effect.map(Faults.reasonOf(odd(mcp)), (reason) => {
            assert.include(reason, { _tag: "ServerError", code: Number(code), description: "no room" })
          })
      ))
  }
})

describe("mcp-go#825: an error that is a text loses its words", () => {
  it.live("the call fails with them", () =>
    withServer(
      [`{"jsonrpc":"2.0","id":ID,"error":"cursor_invalid"}`],
      (mcp) =>
        Effect.map(Faults.reasonOf(odd(mcp)), (reason) => {
          assert.include(reason, { _tag: "ServerError", description: "cursor_invalid" })
        })
    ))
})

describe("python-sdk#192, json-rpc-2.0#8: a call hangs when its id comes back as a text", () => {
  it.live("it is recognised, and so is its progress", () =>
    withServer([
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"TOKEN","progress":1}}`,
      `{"jsonrpc":"2.0","id":"ID","result":{"content":[]}}`
    ], (mcp) => {
      const heard: Array<number> = []
      return Effect.map(odd(mcp, ({ progress }) => void heard.push(progress)), () => assert.deepStrictEqual(heard, [1]))
    }))
})

describe("claude-code#50095, #47765, java-sdk#506: what belongs to no call ends the connection", () => {
  it.live("an answer to nobody, one without an id, a second one and progress of a foreign token are counted", () =>
    withServer([
      `{"jsonrpc":"2.0","id":424242,"result":{}}`,
      `{"jsonrpc":"2.0","id":null,"result":{}}`,
      `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}`,
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tool-call-7","progress":1}}`,
      `{"jsonrpc":"2.0","id":null,"method":"notifications/message","params":null}`,
      done,
      done
    ], (mcp) => odd(mcp)))
})

describe("python-sdk#2751: a message that is nested deeply leaves its call pending", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
  it.live("as a result it is the result", () =>
    withServer(
      [`{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":${deep}}}`],
      (mcp) => Effect.map(odd(mcp), (result) => assert.isArray(result.structuredContent))
    ))
  it.live("as an error it is the error", () =>
    withServer(
      [`{"jsonrpc":"2.0","id":ID,"error":{"code":1,"message":"no","data":${deep}}}`],
      (mcp) =>
        Effect.map(Faults.reasonOf(odd(mcp)), (reason) => assert.include(reason, { _tag: "ServerError", code: 1 }))
    ))
  it.live("as an error that is none it costs its call", () =>
    withServer(
      [`{"jsonrpc":"2.0","id":ID,"error":${deep}}`],
      (mcp) =>
        Effect.map(Faults.reasonOf(odd(mcp)), (reason) => {
          assert.strictEqual(reason._tag, "InvalidAnswer")
          assert.isBelow(reason.message.length, 1000)
        })
    ))
})

describe("typescript-sdk#1282, harness-sdk#3450: a progress listener that throws, or rejects, ends the program", () => {
  const lines = [
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":TOKEN,"progress":1}}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":TOKEN,"progress":2}}`,
    done
  ]
  for (
    const [how, fail] of [
      ["throws", () => {
        throw new Error("no longer connected")
      }],
      ["rejects", () => Effect.runPromise(Effect.die(new Error("no longer connected")))]
    ] as const
  ) {
    it.live(`the call of one that ${how} goes on`, () =>
      withServer(lines, (mcp) => {
        let heard = 0
        return Effect.map(
          odd(mcp, () => {
            heard++
            return fail()
          }),
          () => assert.strictEqual(heard, 2)
        )
      }))
  }
})

describe("hermes-agent#114224, csharp-sdk#1390, vercel/ai#15701: a question of the server is never answered", () => {
  const answered = (server: Saying, ...questions: ReadonlyArray<object>) =>
    Effect.gen(function*() {
      const peer: MemoryPeer | undefined = server.connections()[0]
      const answers = () => server.received().filter(({ _tag }) => _tag === "Success" || _tag === "Failure")
      const before = answers().length
      peer?.send(...questions)
      yield* Faults.eventually("answers", () => answers().length === before + questions.length)
      return answers().slice(before)
    })

  it.live("a handler that fails in any way is an internal error, and ping is answered", () =>
    withServer([], (mcp, server) =>
      Effect.gen(function*() {
        yield* mcp.callTool("bad", { name: "fine" })
        const ask = (id: number, method: string) => ({ jsonrpc: "2.0", id, method })
        const answers = yield* answered(
          server,
          ...Array.from({ length: 2000 }, (_, id) => ask(id, "roots/list")),
          ask(2000, "ping")
        )
        assert.deepInclude(answers.at(-1), { _tag: "Success", id: 2000 })
        for (const answer of answers.slice(0, -1)) {
          assert.isTrue(answer._tag === "Failure" && answer.error.code === -32603)
        }
      }), { handlers: { roots: () => Effect.interrupt } }))
})
