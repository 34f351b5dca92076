/**
 * How long an answer of 4 MB that is made to be slow holds the event loop: read as the client reads it, beside `JSON.parse` of the same text. By processor
 * time, since other programs take none of it.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const keys = (count: number, value: (key: number) => string): string =>
  `{${Array.from({ length: count }, (_, key) => `"key${key}":${value(key)}`).join()}}`

const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)

const answer = (result: string): string => `{"jsonrpc":"2.0","id":1,"result":${result}}`

const structured = (content: string): string => answer(`{"content":[],"structuredContent":${content}}`)

const bodies: Readonly<Record<string, string>> = {
  "250 000 keys": structured(keys(250_000, () => "1")),
  "250 000 keys, a long number": structured(keys(250_000, (key) => key === 0 ? "12345678901234567890" : "1")),
  "arrays 1.9 million deep": structured(deep(1_900_000)),
  "arrays 1.9 million deep as content": answer(`{"content":${deep(1_900_000)}}`),
  "100 000 images": answer(
    `{"content":[${Array.from({ length: 100_000 }, () => `{"type":"image","data":"","mimeType":""}`).join()}]}`
  ),
  "350 000 blocks that are none": answer(`{"content":[${Array.from({ length: 350_000 }, () => `{"type":1}`).join()}]}`)
}

const parse = (text: string): void => void JSON.parse(text)

const read = (text: string): void => {
  const frame = JsonRpc.decode(text)
  if (frame._tag === "Success") Messages.decodeCallToolResult(frame.result)
}

const millis = (work: (text: string) => void, text: string) =>
  Effect.sync(() => {
    const before = process.cpuUsage()
    work(text)
    const { system, user } = process.cpuUsage(before)
    return (system + user) / 1000
  })

export const hostileBody = Effect.forEach(Object.entries(bodies), ([name, text]) =>
  Effect.gen(function*() {
    const { all, comparison, row } = yield* inTurn([
      { name: "JSON.parse", round: millis(parse, text) },
      { name: "client", round: millis(read, text) }
    ], { rounds: 4 })
    const best = (of: string) => Math.min(...all(of))
    Report.print(`An answer of ${(text.length / 1e6).toFixed(1)} MB: ${name}`, [
      row("JSON.parse", () => `${best("JSON.parse").toFixed(0)} ms`),
      row("client", () => `${best("client").toFixed(0)} ms`),
      comparison(
        `${name}: client ÷ JSON.parse`,
        ["client", "JSON.parse"],
        best("client") / best("JSON.parse"),
        { atMost: 5 }
      )
    ])
  }), { discard: true })
