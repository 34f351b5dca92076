/** The README's table of what a config file may say, compared with what it means. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { optionNames } from "../src/internal/config/holdfastOptions.ts"

interface Row {
  readonly option: string
  readonly values: string
  readonly fallback: string
}

const readme = fs.readFileSync(new URL("../README.md", import.meta.url), "utf8")

const rows: ReadonlyArray<Row> = readme.slice(readme.indexOf("\n## What is configured")).split("\n\n").filter((part) =>
  part.startsWith("| option")
).flatMap((table) => table.split("\n").slice(2)).map((line) => {
  const [, option = "", values = "", fallback = ""] = line.split("|").map((cell) => cell.trim().replaceAll("`", ""))
  return { option, values, fallback }
})

/** What a server is that says nothing but this under `holdfast`: every option's value, in milliseconds where it is a time. */
const said = (entry: object, holdfast: object = {}) =>
  Effect.map(McpConfig.decode({ mcpServers: { s: { ...entry, holdfast } } }), ({ servers }) => {
    const server = servers.get("s")
    assert.isDefined(server)
    const { deadlines, endpoint, era, hosts, policy, protocolVersion = "newest" } = server
    const values: Record<string, unknown> = {
      ...policy,
      ...hosts,
      era,
      protocolVersion,
      idleDeadline: deadlines.idle,
      hardDeadline: deadlines.hard,
      readDeadline: deadlines.read,
      ...(endpoint._tag === "Stdio" && { inheritEnv: endpoint.inheritEnv }),
      ...(endpoint._tag === "Http" &&
        { push: endpoint.push, sessionEndTimeout: Duration.toMillis(endpoint.sessionEndTimeout) })
    }
    return values
  })

const inWords = (values: string, value: unknown): string => {
  if (values !== "duration" || typeof value !== "number") return String(value)
  if (value === Number.POSITIVE_INFINITY) return "none"
  return value < 60_000 ? `${value / 1000} s` : `${value / 60_000} min`
}

const http = { url: "http://127.0.0.1/mcp" }
const stdio = { command: "x" }

describe("the table of options in the README", () => {
  it("has every option there is, once, and no other", () => {
    assert.sameMembers(rows.map(({ option }) => option), [...optionNames])
    assert.lengthOf(new Set(rows.map(({ option }) => option)), optionNames.length)
  })

  it.effect("says the default of each as it is, where it depends on something too", () =>
    Effect.gen(function*() {
      const ofHttp = yield* said(http)
      const ofStdio = yield* said(stdio)
      const exclusive = yield* said(http, { sharing: "exclusive" })
      for (const { fallback, option, values } of rows) {
        const usual = inWords(values, ofHttp[option] ?? ofStdio[option])
        const other = inWords(values, ofStdio[option] ?? ofHttp[option])
        const lent = inWords(values, exclusive[option] ?? ofStdio[option])
        const more = [
          ...(other === usual ? [] : [`stdio ${other}`]),
          ...(lent === usual || option === "sharing" ? [] : [`exclusive ${lent}`])
        ]
        assert.strictEqual(fallback, [usual, ...more].join("; "), option)
      }
    }))

  it.effect("says which values each takes", () =>
    Effect.gen(function*() {
      const wrong: unknown = { nothing: "of any kind" }
      for (const { option, values } of rows) {
        const entry = option === "inheritEnv" ? stdio : http
        const good = values === "duration"
          ? ["7 seconds", 7000]
          : values === "count"
          ? [3]
          : values.split(", ").map((word) => word === "true" || word === "false" ? word === "true" : word)
        for (const value of good) {
          const read = (yield* said(entry, { [option]: value }))[option]
          assert.strictEqual(read, values === "duration" ? 7000 : value, option)
        }
        const { unusable } = yield* McpConfig.decode({ mcpServers: { s: { ...entry, holdfast: { [option]: wrong } } } })
        assert.include(unusable.get("s")?.message ?? "", `mcpServers.s.holdfast.${option}: expected`)
      }
    }))
})
