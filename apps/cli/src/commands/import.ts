/**
 * `holdfast import [host]`: the servers that other programs have, and with `--write` a config of them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { isDeepStrictEqual } from "node:util"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigDialect from "../ConfigDialect.ts"
import * as ConfigTarget from "../ConfigTarget.ts"
import { apply, isMembers, valueAt } from "../configText/ConfigText.ts"
import * as EditedFile from "../EditedFile.ts"
import { ExitCode } from "../ExitCode.ts"
import * as HostFiles from "../hosts/HostFiles.ts"
import { hosts } from "../hosts/Hosts.ts"
import * as ImportedEntry from "../hosts/ImportedEntry.ts"
import * as configFiles from "../internal/configFiles.ts"
import type { Output } from "../outputs/import.ts"
import { note } from "../Quiet.ts"
import * as Report from "../Report.ts"
import { Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface ImportInput extends ConfigTarget.TargetInput {
  readonly json: boolean
  readonly host: Option.Option<string>
  readonly write: boolean
}

type Found = (typeof Output.Type)["servers"][number]

interface Row extends Omit<Found, "entry"> {
  readonly entry: Readonly<Record<string, unknown>> | undefined
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ImportInput) {
  const { directory, stdout } = yield* Shell
  const target = yield* ConfigTarget.find(input)
  if (ConfigDialect.of(target.file).format !== "json") {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "NotJson",
      message: `${printable(target.shown)}: servers are imported into JSON files; name one with --to`
    })
  }
  const place = HostFiles.placeIn(directory)
  const meant = Option.isSome(input.host) ? [yield* HostFiles.named(input.host.value)] : hosts
  const existing = yield* EditedFile.inFile(target.shown, () => configFiles.read(target.file))
  const isEmpty = existing === undefined || existing.text.trim() === ""
  const document = isEmpty ? undefined : yield* EditedFile.parse(target.shown, existing.text, "json")
  const container = ConfigDialect.json.containerOf(document?.value)
  const taken = new Map(Object.entries(Object(valueAt(document?.value, container))))
  const rows: Array<Row> = []
  const faults: Array<{ readonly host: string; readonly file: string; readonly problem: string }> = []
  for (const host of meant) {
    for (const at of HostFiles.filesOf(host, place)) {
      // It is where they go to.
      if (at.file === target.file) continue
      const opened = yield* Effect.result(HostFiles.open(host, at))
      if (Result.isFailure(opened)) {
        faults.push({ host: host.name, file: at.file, problem: opened.failure.message })
        continue
      }
      if (opened.success === undefined) continue
      for (const { name, scope, value } of HostFiles.entriesOf(opened.success, place)) {
        const found = ImportedEntry.standard(value, {
          host,
          server: name,
          from: at.file,
          // What is a project's is there for others already.
          isForOthers: !target.isUsers && scope === "user"
        })
        const common = { host: host.name, file: at.file, scope, server: name }
        if (typeof found === "string") {
          rows.push({ ...common, entry: undefined, state: "unusable", notes: [found] })
          continue
        }
        const { notes } = found
        const isOff = host.isOff?.(opened.success.document.value, name) === true
        const entry = isOff ? { ...found.entry, disabled: true } : found.entry
        const other = taken.get(name)
        const state = other === undefined ? "new" : isDeepStrictEqual(other, entry) ? "same" : "conflict"
        if (state === "new") taken.set(name, entry)
        rows.push({ ...common, entry, runs: ImportedEntry.inShort(entry), state, notes })
      }
    }
  }
  const fresh = rows.filter(({ state }) => state === "new")
  const isWritten = input.write && fresh.length > 0
  if (isWritten) yield* write(target, existing, container, fresh)
  const written = isWritten ? fresh.map(({ server }) => server) : []
  if (input.json) {
    const servers = rows.map(({ entry, ...row }) => ({
      ...row,
      ...(entry === undefined ? {} : { entry: shown(entry) })
    }))
    yield* writeResult(
      `${JSON.stringify({ target: target.file, servers, faults, written } satisfies typeof Output.Type)}\n`
    )
  } else {
    if (rows.length > 0) {
      const { bold, dim } = styleOf(stdout)
      const home = place.home
      const cells = rows.map(({ file, host, notes, runs, server, state }) => [
        server,
        host,
        file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file,
        runs ?? "-",
        [stateWords[state], ...notes].filter((word) => word !== "").join("; ")
      ])
      const paint = (cell: string, row: number, column: number) =>
        row === 0 ? dim(cell) : column === 0 ? bold(cell) : cell
      yield* writeResult(
        `${
          table([["SERVER", "HOST", "FILE", "RUNS", "NOTES"], ...cells], {
            width: stdout.columns,
            overflow: "wrap",
            paint
          })
        }\n`
      )
    }
    const count = fresh.length === 1 ? "1 server" : `${fresh.length} servers`
    yield* note(
      rows.length === 0
        ? `no servers were found${Option.isSome(input.host) ? ` of ${printable(input.host.value)}` : ""}\n`
        : isWritten
        ? `${count} written to ${printable(target.shown)}\n`
        : fresh.length === 0
        ? `nothing is new for ${printable(target.shown)}\n`
        : `${count} new for ${printable(target.shown)}; --write writes ${fresh.length === 1 ? "it" : "them"}\n`
    )
  }
  for (const { problem } of faults) {
    yield* Report.failure(EditedFile.fault(problem), input.json)
  }
  return faults.length > 0 ? ExitCode.config : ExitCode.ok
})

const stateWords = { new: "", same: "is there already", conflict: "the name is taken by another server", unusable: "" }

const write = Effect.fnUntraced(function*(
  { file, mode, shown }: ConfigTarget.Target,
  before: configFiles.ReadFile | undefined,
  container: ReadonlyArray<string | number>,
  rows: ReadonlyArray<Row>
) {
  const JsonText = yield* Effect.promise(() => import("../configText/JsonText.ts"))
  let text = before?.text ?? ""
  if (text.trim() === "") {
    text = JsonText.fresh({ mcpServers: Object.fromEntries(rows.map((row) => [row.server, row.entry])) })
  } else {
    for (const { entry, server } of rows) {
      text = yield* EditedFile.inFile(shown, () => apply(text, JsonText.read(text).add(container, server, entry)))
    }
  }
  const after = yield* EditedFile.parse(shown, text, "json")
  const isWhole = rows.every(({ entry, server }) =>
    isDeepStrictEqual(valueAt(after.value, [...ConfigDialect.json.containerOf(after.value), server]), entry)
  )
  if (!isWhole) {
    return yield* EditedFile.fault(`${shown} is written in a way that is not changed here; nothing was written`)
  }
  yield* EditedFile.inFile(shown, () => configFiles.write(file, text, before, mode))
})

/** Values of variables and headers may be secrets. */
const shown = (entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(entry).map(([name, value]) => [
      name,
      (name === "env" || name === "headers") && isMembers(value)
        ? Object.fromEntries(
          Object.entries(value).map(([key, text]) => [key, /^(?:\w+ )?\$\{[^}]+\}$/.test(String(text)) ? text : "…"])
        )
        : value
    ])
  )
