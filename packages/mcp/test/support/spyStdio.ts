/**
 * The spy as a program that speaks over stdio. Its first argument says how it takes `initialize`; `exit <code> <words>` ends
 * it before it has said anything. On top of the common orders it can hurt itself in every way a process can.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import * as spyBehaviour from "./spyBehaviour.ts"

const [mode = "ok", code = "0", words = ""] = process.argv.slice(2)

if (mode === "exit") {
  if (words !== "") fs.writeSync(2, words)
  process.exit(Number(code))
}
if (mode === "half") {
  fs.writeSync(1, `{"jsonrpc":"2.0","id":1,"resu`)
  process.exit(0)
}
if (mode === "noisy") {
  fs.writeSync(1, "Server started\n\nlistening...\r\n")
}
if (mode === "noise-only") {
  fs.writeSync(1, "Usage: server [options]\n")
}

const spy = spyBehaviour.make(mode === "noisy" ? "ok" : mode === "noise-only" ? "silent" : mode)

const send = (...frames: ReadonlyArray<object>): void => {
  process.stdout.write(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(""))
}

/** Written when this returns, even if the next thing is the end. */
const sendNow = (text: string | Uint8Array): void => {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(1, bytes, at)
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error
    }
  }
}

const orders: Record<string, (frame: spyBehaviour.SpyFrame) => void> = {
  exit: ({ params }) => {
    fs.writeSync(2, String(params?.["stderr"] ?? ""))
    process.exit(Number(params?.["code"]))
  },
  answerAndExit: ({ id }) => {
    sendNow(`${JSON.stringify({ jsonrpc: "2.0", id, result: { last: true } })}\n`)
    process.exit(0)
  },
  halfAndExit: ({ id }) => {
    sendNow(`{"jsonrpc":"2.0","id":${id},"result":{"half":`)
    process.exit(5)
  },
  kill: () => process.kill(process.pid, "SIGKILL"),
  noise: ({ id }) => {
    process.stdout.write(`debug: handling\n{"level":"info","msg":"a log line"}\n`)
    send({ jsonrpc: "2.0", id, result: {} })
  },
  invalidUtf8: ({ id }) => {
    const [before, after] = JSON.stringify({ jsonrpc: "2.0", id, result: { text: "@" } }).split("@")
    sendNow(Buffer.concat([Buffer.from(`${before}`), Buffer.from([0xc3, 0x28]), Buffer.from(`${after}\n`)]))
  },
  scattered: ({ id }) => {
    // Each byte is a write of its own: the reader meets cuts inside characters and frames.
    const bytes = Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", id, result: { text: "né€😀" } })}\n`)
    for (const byte of bytes) sendNow(Buffer.from([byte]))
  },
  closeStdout: () => fs.closeSync(1),
  /** Stops reading. The answer says so. */
  deaf: ({ id }) => {
    process.stdin.pause()
    send({ jsonrpc: "2.0", id, result: {} })
    // Without this nothing would keep the process alive.
    setInterval(() => {}, 60_000)
  }
}

const handle = (line: string): void => {
  const frame: spyBehaviour.SpyFrame = JSON.parse(line)
  const order = frame.method !== undefined && Object.hasOwn(orders, frame.method) ? orders[frame.method] : undefined
  if (order === undefined) return spy.handle(frame, { send, done: () => {} })
  spy.received.push(frame)
  order(frame)
}

let rest: Array<string> = []
process.stdin.setEncoding("utf8")
process.stdin.on("data", (chunk: string) => {
  const [first = "", ...others] = chunk.split("\n")
  rest.push(first)
  for (const next of others) {
    handle(rest.join(""))
    rest = [next]
  }
})
process.stdin.on("end", () => process.exit(0))
