/** The standard streams of a server are shared with every library of the program, and break: no message is harmed by that, nor is work that is left. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"
import { startProgram } from "./support/stdioProcess.ts"

/** A server with a tool for each way to print. What it prints in the end it prints after the answer. */
const printing = `
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { Readable } from "node:stream"
import { Worker } from "node:worker_threads"
process.stdout.write("an import's banner without an end")
const { write } = process.stdout
const ways = {
  plain: () => console.log("a plain line"),
  bar: () => process.stdout.write("downloading 50 %"),
  half: () => process.stdout.write("two lines\\nand a half"),
  bytes: () => process.stdout.write(new Uint8Array([0x62, 0x79, 0x74, 0x65, 0x73])),
  hex: () => process.stdout.write("686578", "hex"),
  called: () => new Promise((resolve) => process.stdout.write("called", resolve)),
  early: () => write.call(process.stdout, "by a function that was kept"),
  table: () => console.table([{ a: 1 }]),
  warning: () => console.info("an info"),
  piped: () => new Promise((resolve) => Readable.from(["piped ", "through"]).pipe(process.stdout, { end: true }).on("unpipe", resolve)),
  much: () => new Promise((resolve) => Readable.from(Array.from({ length: 40 }, () => "much".repeat(512))).on("end", resolve).pipe(process.stdout)),
  ended: () => new Promise((resolve) => process.stdout.end("the end of it", resolve)),
  destroyed: () => process.stdout.destroy(),
  corked: () => process.stdout.cork(),
  letters: () => process.stdout.setDefaultEncoding("utf16le"),
  worker: () => new Promise((resolve) => new Worker("console.log('from a worker'); process.stdout.write('and no end')", { eval: true }).on("exit", resolve)),
  late: () => void setImmediate(() => process.stdout.write("after the answer"))
}
const server = () => {
  const mcp = new McpServer({ name: "printer", version: "1" })
  for (const [name, print] of Object.entries(ways)) {
    mcp.registerTool(name, {}, async () => {
      await print()
      return { content: [{ type: "text", text: name + " ✓" }] }
    })
  }
  return mcp
}
StdioHost.runMain(StdioHost.run({ server }))
`

const ways = [
  "plain",
  "bar",
  "half",
  "bytes",
  "hex",
  "called",
  "early",
  "table",
  "warning",
  "piped",
  "much",
  "ended",
  "destroyed",
  "corked",
  "letters",
  "worker",
  "late"
]

describe("what a library prints", () => {
  it.live("harms no message, with a line end or without, before or after an answer, and goes to stderr", () =>
    Effect.gen(function*() {
      const { client, complaints, exited, strays, child } = yield* startProgram(printing)
      yield* client.handshake
      let id = 10
      // Twice: what the first round has left is what the second one meets.
      for (const way of [...ways, ...ways]) {
        client.say({ id: ++id, method: "tools/call", params: { name: way, arguments: {} } })
        const answer = yield* client.answer(id)
        assert.deepStrictEqual(answer.result?.content, [{ type: "text", text: `${way} ✓` }])
      }
      child.stdin.end()
      assert.strictEqual(yield* exited, 0)
      // What was there before the host was is no message, and stands on a line of its own.
      assert.deepStrictEqual(strays, ["an import's banner without an end"])
      for (
        const said of [
          "a plain line",
          "downloading 50 %",
          "two lines\nand a half",
          "bytes",
          "hex",
          "called",
          "kept",
          "(index)",
          "an info",
          "piped through",
          "muchmuch",
          "the end of it",
          "from a worker",
          "and no end",
          "after the answer"
        ]
      ) {
        assert.isTrue(complaints().includes(said), said)
      }
    }))
})

/** A server whose tool `work` goes on when a file is there, and leaves another one. */
const working = (folder: string) => `
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as fs from "node:fs"
import * as path from "node:path"
const folder = ${JSON.stringify(folder)}
const server = () => {
  const mcp = new McpServer({ name: "worker", version: "1" })
  mcp.registerTool("work", {}, async () => {
    fs.writeFileSync(path.join(folder, "begun"), "")
    while (!fs.existsSync(path.join(folder, "go"))) await new Promise((resolve) => setTimeout(resolve, 5))
    for (let n = 0; n < 100; n++) console.error("words that nobody reads " + n)
    await new Promise((resolve) => setTimeout(resolve, 50))
    fs.writeFileSync(path.join(folder, "done"), "")
    return { content: [{ type: "text", text: "done" }] }
  })
  return mcp
}
StdioHost.runMain(StdioHost.run({ server, drainTimeout: "1 minute" }))
`

const folderOf = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-streams-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

describe("a standard stream that breaks", () => {
  for (const broken of ["stderr", "stdout", "stdin"] as const) {
    it.live(`ends nothing that has work left: ${broken}`, () =>
      Effect.gen(function*() {
        const folder = yield* folderOf
        const at = (name: string): string => path.join(folder, name)
        const { child, client, exited } = yield* startProgram(working(folder))
        yield* client.handshake
        client.say({ id: 10, method: "tools/call", params: { name: "work", arguments: {} } })
        yield* eventually("it has begun", () => fs.existsSync(at("begun")))
        child[broken].destroy()
        // Into a stdout that nobody reads: so the server learns of it.
        if (broken === "stdout") client.say({ id: 11, method: "ping", params: {} })
        yield* Effect.sleep("50 millis")
        fs.writeFileSync(at("go"), "")
        yield* eventually("the work is done", () => fs.existsSync(at("done")))
        if (broken === "stderr") {
          assert.strictEqual((yield* client.answer(10)).result?.content?.[0]?.text, "done")
          child.stdin.end()
        }
        assert.strictEqual(yield* exited, 0)
      }))
  }
})

describe("what stands around messages on stdin", () => {
  it.live("is passed over: marks, blank lines, a banner, line ends of other systems", () =>
    Effect.gen(function*() {
      const { child, client, complaints, exited, strays } = yield* startProgram(
        "StdioHost.runMain(StdioHost.run({ server: echoServer(steering()) }))"
      )
      const message = (id: number, method: string, params: object = {}) =>
        JSON.stringify({ jsonrpc: "2.0", id, method, params })
      const hello = message(0, "initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "noisy", version: "1" }
      })
      const call = (id: number) => message(id, "tools/call", { name: "echo", arguments: { text: `${id}` } })
      child.stdin.write(
        [
          "\ufeff\r\n",
          "Welcome to the shell of the day!\n",
          "[info] starting {things}\r\n",
          "\n   \n\t\n",
          `\ufeff${hello}\r\n`,
          `\u001e${call(1)}\n`,
          `  ${call(2)}  \n`,
          `\u0000\ufeff ${call(3)}\n`,
          "Microsoft Windows [Version 10.0]\n",
          `[${call(4)}]\n`,
          `${call(5)}\n`
        ].join("")
      )
      for (const id of [1, 2, 3, 4, 5]) {
        assert.strictEqual((yield* client.answer(id)).result?.content?.[0]?.text, `${id}`)
      }
      child.stdin.write("{\"jsonrpc\": \"2.0\", \"id\": 6, \"method\"\n")
      yield* eventually("what was begun as a message is answered", () =>
        client.said.some(({ error }) => error !== undefined))
      child.stdin.end()
      assert.strictEqual(yield* exited, 0)
      assert.deepStrictEqual(strays, [])
      assert.strictEqual(
        client.said.filter(({ error }) =>
          error !== undefined
        ).length,
        1
      )
      // Once, with its words.
      assert.strictEqual(complaints().split("passed over").length, 2)
      assert.include(complaints(), "Welcome to the shell of the day!")
    }))
})
