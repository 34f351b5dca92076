/**
 * Reading an answer with structured content: what it costs that long whole numbers in it stay exact. The same message where the content
 * bears another name, so that nothing is looked for, is the measure.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const messages = 20_000

/** Rows as a database tool answers them. The name is as long as `structuredContent`. */
const message = (name: string, id: (row: number) => string): string => {
  const rows = Array.from(
    { length: 20 },
    (_, row) => `{"id":${id(row)},"name":"row ${row}","price":${row}.25,"open":true}`
  )
  return `{"jsonrpc":"2.0","id":1,"result":{"content":[],"${name}":{"rows":[${rows.join()}]}}}`
}

const contenders = {
  "not looked for": message("structuredRecords", (row) => String(row)),
  "none there": message("structuredContent", (row) => String(row)),
  "twenty there": message("structuredContent", (row) => `9007199254740${row + 900}`)
}

const micros = (text: string) =>
  Effect.sync(() => {
    const start = performance.now()
    for (let i = 0; i < messages; i++) JsonRpc.decode(text)
    return (performance.now() - start) * 1000 / messages
  })

export const exactNumbers = Effect.gen(function*() {
  const { comparison, median, row } = yield* inTurn(
    Object.entries(contenders).map(([name, text]) => ({ name, round: micros(text) })),
    { rounds: 9 }
  )
  const of = (name: string): number => median(name, (one) => one)
  const [unlooked, none, twenty] = ["not looked for", "none there", "twenty there"] as const
  Report.print(`An answer of ${contenders[none].length} characters read, and long whole numbers in it kept exact`, [
    ...[unlooked, none, twenty].map((name) => row(name, () => `${of(name).toFixed(2)} us`)),
    comparison("none there ÷ not looked for", [none, unlooked], of(none) / of(unlooked), { atMost: 1.25 }),
    comparison("twenty there ÷ not looked for", [twenty, unlooked], of(twenty) / of(unlooked))
  ])
})
