/**
 * A program that uses a server over stdio by a client of its own kind: `program.ts <client> <command> [args…]`. For each line on its input it calls
 * a tool, and says in a line of JSON what came of it. Ends with its input.
 */
import * as readline from "node:readline"
import { effectClient } from "../interop/support/effectClient.ts"
import { sdkV1, sdkV2 } from "../interop/support/sdkClients.ts"

const clients = { v1: sdkV1, v2: sdkV2, effect: effectClient }
const [, , kind = "", command = "", ...args] = process.argv

const client = Object.entries(clients).find(([name]) => name === kind)?.[1]
const open = client?.transports.stdio
if (open === undefined) throw new Error(`there is no client ${kind}`)
const connected = await open({ _tag: "Stdio", command, args })

/** Whatever a client throws, in words. */
const wordsOf = (error: unknown): string => {
  const words = JSON.stringify(
    error,
    (_, value: unknown) => value instanceof Error ? { ...value, message: value.message } : value
  )
  return `${String(error)} ${words}`
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [tool = "", text = ""] = line.split(" ")
  connected.call(tool, { text }).then(
    (said) => console.log(JSON.stringify({ text, said })),
    (error) => console.log(JSON.stringify({ text, failed: wordsOf(error) }))
  )
}
await connected.close()
process.exit()
