/**
 * `holdfast adopt <host>`: `holdfast wrap --` in front of the servers of a program's config. `--undo` takes it out again.
 *
 * What would change is shown, and written with `--write`. A copy of the file as it was is kept; as long as no other program has changed the file, undoing
 * puts that back, byte for byte. Else only our part of the entries is taken out.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AdoptedFiles from "../AdoptedFiles.ts"
import { CliFailure } from "../CliFailure.ts"
import type { ConfigText, Path } from "../configText/ConfigText.ts"
import * as EditedFile from "../EditedFile.ts"
import { ExitCode } from "../ExitCode.ts"
import * as Adoption from "../hosts/Adoption.ts"
import type { Host, HostPlace } from "../hosts/Host.ts"
import * as HostFiles from "../hosts/HostFiles.ts"
import * as configFiles from "../internal/configFiles.ts"
import type { Output } from "../outputs/adopt.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface AdoptInput {
  readonly json: boolean
  readonly host: string
  readonly undo: boolean
  readonly write: boolean
  /** The files of this project, too. */
  readonly project: boolean
  /** What stands in front. Default: `holdfast`, which has to be on the path. */
  readonly program: Option.Option<string>
}

type File = (typeof Output.Type)["files"][number]

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: AdoptInput) {
  const { directory } = yield* Shell
  const host = yield* HostFiles.named(input.host)
  const place = HostFiles.placeIn(directory)
  const files = HostFiles.filesOf(host, place).filter(({ scope }) => input.project || scope === "user")
  const done: Array<File> = []
  for (const at of files) {
    const opened = yield* HostFiles.open(host, at)
    if (opened === undefined) continue
    const file = input.undo ? yield* undo(opened, input) : yield* adopt(opened, place, input)
    if (file !== undefined) done.push(file)
  }
  if (input.json) {
    yield* writeResult(`${JSON.stringify({ host: host.name, files: done } satisfies typeof Output.Type)}\n`)
    return ExitCode.ok
  }
  if (done.length === 0) {
    const looked = files.map(({ file }) => `  ${file}`).join("\n")
    yield* note(
      input.undo
        ? `nothing of ${host.title} is adopted\n`
        : `${host.title} has no config with servers here:\n${looked}\n`
    )
  }
  const isPending = !input.undo && !input.write &&
    done.some(({ servers }) => servers.some(({ state }) => state === "adopted"))
  if (isPending) yield* note("nothing is written yet; --write does, and --undo takes it back\n")
  return ExitCode.ok
})

const adopt = Effect.fnUntraced(function*(opened: HostFiles.FoundFile, place: HostPlace, input: AdoptInput) {
  const { file, host } = opened
  const kept = yield* EditedFile.inFile(file, () => AdoptedFiles.find(file))
  const isAsLeft = kept !== undefined && kept.after === configFiles.digestOf(opened.read.bytes)
  // Of a file that was changed since, what it would be without us is what undoing goes back to.
  const base = kept === undefined || isAsLeft ? opened.document : yield* without(opened, kept)
  const paths = pathsIn(host, place, opened.document)
  const servers = paths.map((path) => {
    const state = Adoption.stateOf(host, opened.document, path)
    return {
      server: String(path.at(-1)),
      state: state._tag === "Adoptable" ? "adopted" : state._tag === "Already" ? "already" : "left",
      ...(state._tag === "Left" ? { why: state.why } : {})
    } as const
  })
  if (servers.length === 0) return undefined
  const unchanged: File = { file, servers, changed: false }
  if (!servers.some(({ state }) => state === "adopted")) {
    if (!input.json) yield* tell(unchanged)
    return unchanged
  }
  const entries = paths.flatMap((path) => {
    const state = Adoption.stateOf(host, base, path)
    return state._tag === "Adoptable" ? [{ path, shape: state.shape }] : []
  })
  const program = yield* programOf(input)
  const { adopted, text } = yield* EditedFile.inFile(file, () => Adoption.adopt(base, entries, program))
  const after = yield* EditedFile.parse(file, text, host.format)
  if (!Adoption.isExpected(after, Adoption.expected(base.value, entries, program))) {
    return yield* EditedFile.fault(`${file} is written in a way that is not changed here; nothing was written`)
  }
  if (!input.json) yield* show(opened, text)
  if (!input.write) {
    yield* EditedFile.inFile(file, () => configFiles.checkWritable(file))
    if (!input.json) yield* tell(unchanged)
    return unchanged
  }
  yield* EditedFile.inFile(file, () => configFiles.checkWritable(file))
  const copy = yield* EditedFile.inFile(`${file}: no copy of it can be kept, and it is left as it is`, () => {
    const before = configFiles.bytesLike(opened.read, base.text)
    return AdoptedFiles.remember(file, host.name, before, configFiles.bytesLike(opened.read, text), adopted)
  })
  yield* EditedFile.inFile(file, () => configFiles.write(file, text, opened.read)).pipe(
    // It was not adopted, then.
    Effect.tapError(() => kept === undefined ? EditedFile.inFile(file, () => AdoptedFiles.forget(file)) : Effect.void)
  )
  const changed: File = { ...unchanged, changed: true, copy }
  if (!input.json) yield* tell(changed)
  return changed
})

/** The document without our part of what was adopted. */
const without = Effect.fnUntraced(function*(
  { document, file, host }: HostFiles.FoundFile,
  kept: AdoptedFiles.Adopted
) {
  const { text } = yield* EditedFile.inFile(file, () => Adoption.restore(host, document, kept.entries))
  return yield* EditedFile.parse(file, text, host.format)
})

const undo = Effect.fnUntraced(function*(opened: HostFiles.FoundFile, input: AdoptInput) {
  const { file, host, read } = opened
  const kept = yield* EditedFile.inFile(file, () => AdoptedFiles.find(file))
  if (kept === undefined) return undefined
  const now = configFiles.digestOf(read.bytes)
  const names = (paths: ReadonlyArray<Path>) =>
    paths.map((path) => ({ server: String(path.at(-1)), state: "restored" as const }))
  if (now === kept.after || now === kept.before) {
    yield* EditedFile.inFile(file, () => {
      if (now === kept.after) configFiles.writeBytes(file, kept.bytes, read)
      AdoptedFiles.forget(file)
    })
    if (!input.json) yield* note(`${printable(file)} is as it was, byte for byte\n`)
    return {
      file,
      servers: names(kept.entries.map(({ path }) => path)),
      changed: now === kept.after,
      exact: true
    } satisfies File
  }
  const { restored, text } = yield* EditedFile.inFile(file, () => Adoption.restore(host, opened.document, kept.entries))
  yield* EditedFile.parse(file, text, host.format)
  yield* EditedFile.inFile(file, () => {
    if (restored.length > 0) configFiles.write(file, text, read)
    AdoptedFiles.forget(file)
  })
  if (!input.json) {
    yield* note(
      `${printable(file)} was changed since: only holdfast's part was taken out of ${
        printable(restored.map((path) => String(path.at(-1))).join(", ") || "no entry")
      }\n`
    )
  }
  return { file, servers: names(restored), changed: restored.length > 0, exact: false } satisfies File
})

const pathsIn = (host: Host, place: HostPlace, document: ConfigText): ReadonlyArray<Path> => {
  const containers = [
    ...host.containers(place, document.value).map(({ path }) => path),
    ...host.elsewhere?.(document.value) ?? []
  ]
  const unique = new Map(containers.map((path) => [JSON.stringify(path), path]))
  return [...unique.values()].flatMap((container) => HostFiles.namesAt(document, container))
}

const programOf = ({ program }: AdoptInput) =>
  Option.isSome(program)
    ? Effect.succeed(program.value)
    : configFiles.isOnPath("holdfast")
    ? Effect.succeed("holdfast")
    : Effect.fail(
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "NotOnPath",
        message: "there is no holdfast on the path, where a host would look for it",
        details: "  Install it (npm install --global holdfast), or say where it is: --program /path/to/holdfast"
      })
    )

/** The lines that change: a diff. */
const show = Effect.fnUntraced(function*({ document, file }: HostFiles.FoundFile, after: string) {
  const { stdout } = yield* Shell
  const { bold, dim, red } = styleOf(stdout)
  const lines = [bold(printable(file))]
  for (const { added, at, removed } of changesBetween(document.text, after)) {
    lines.push(dim(`@@ line ${at} @@`))
    lines.push(...removed.map((line) => red(`- ${shortened(line)}`)), ...added.map((line) => `+ ${shortened(line)}`))
  }
  yield* writeResult(`${lines.join("\n")}\n`)
})

/** Some programs write their whole config as one line. */
const shortened = (line: string): string => {
  const text = printable(line)
  return text.length > 400 ? `${text.slice(0, 200)} … ${text.slice(-200)}` : text
}

interface Change {
  /** The line in the old text, from 1. */
  readonly at: number
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<string>
}

/** Ours are few and small: lines are compared in order, and what is equal again ends a change. */
const changesBetween = (before: string, after: string): ReadonlyArray<Change> => {
  const old = before.split(/\r\n|\n|\r/)
  const fresh = after.split(/\r\n|\n|\r/)
  const changes: Array<Change> = []
  for (let i = 0, j = 0; i < old.length || j < fresh.length;) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      i++
      j++
      continue
    }
    const [skipped, added] = nextCommon(old, fresh, i, j)
    changes.push({ at: i + 1, removed: old.slice(i, i + skipped), added: fresh.slice(j, j + added) })
    i += skipped
    j += added
  }
  return changes
}

/** How many lines of each differ. */
const nextCommon = (
  old: ReadonlyArray<string>,
  fresh: ReadonlyArray<string>,
  i: number,
  j: number
): readonly [number, number] => {
  const most = old.length - i + fresh.length - j
  for (let sum = 1; sum <= Math.min(most, 40); sum++) {
    for (let skipped = 0; skipped <= sum; skipped++) {
      const line = old[i + skipped]
      if (line !== undefined && line === fresh[j + sum - skipped]) return [skipped, sum - skipped]
    }
  }
  return [old.length - i, fresh.length - j]
}

const tell = Effect.fnUntraced(function*({ changed, copy, file, servers }: File) {
  const named = (state: string) => servers.filter((each) => each.state === state).map(({ server }) => server)
  const lines = [
    ...(named("already").length > 0 ? [`already behind holdfast: ${named("already").join(", ")}`] : []),
    ...servers.flatMap(({ server, why }) => why === undefined ? [] : [`left as it is: ${server}, ${why}`]),
    ...(changed ? [`adopted: ${named("adopted").join(", ")}`] : []),
    ...(copy === undefined ? [] : [`a copy of the file as it was: ${copy}`])
  ]
  if (!changed && lines.length > 0) lines.unshift(file)
  yield* note(lines.map((line) => `${printable(line)}\n`).join(""))
})
