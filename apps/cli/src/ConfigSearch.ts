/**
 * The configs that hold here, read and merged: what was looked at, what was found, what is wrong with it, and which file each server is from.
 *
 * - The nearest file with a server's name decides about it, as git and npm have it: its entry counts whole, also where it switches the server off.
 * - A file that cannot be read ends the search: it may say something else about every server behind it. What nearer files have stays
 *   usable; `config.fault` is what to say when that does not do.
 * - A file that the user does not trust is left out, and what lies behind it is used: the user has agreed to nothing it says.
 *
 * `search` never fails and asks nothing. `ConfigFile.load` is what words use: it asks, tells and fails.
 */
import { McpConfig } from "@holdfast/mcp/McpConfig"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as path from "node:path"
import * as ConfigPlaces from "./ConfigPlaces.ts"
import { Shell } from "./Shell.ts"

/** What became of one place. */
export type Outcome =
  /** There is no file. */
  | { readonly _tag: "Absent" }
  /** It counts. */
  | { readonly _tag: "Read"; readonly config: McpConfig }
  /** It cannot be read, or is no config. Nothing behind it counts. */
  | { readonly _tag: "Faulty"; readonly fault: McpRuntimeError }
  /** It is left out. `changed`: the user has trusted it when it was another one. */
  | { readonly _tag: "Untrusted"; readonly isChanged: boolean }
  /** It lies behind one that cannot be read, and does not count. */
  | { readonly _tag: "Behind" }

/** One place that was looked at. */
export interface LookedAt extends ConfigPlaces.Place {
  readonly outcome: Outcome
}

/** Where a server is from. */
export interface Origin {
  /** The file whose entry counts. */
  readonly file: string
  readonly shown: string
  /** Farther files that have the name, too, the nearest first: their entries do not count. */
  readonly hidden: ReadonlyArray<string>
}

/** A config of one or several files. */
export interface FoundConfig extends McpConfig {
  /** Of every server, also of those that are unusable. */
  readonly origins: ReadonlyMap<string, Origin>
  /** What ended the search. */
  readonly fault: McpRuntimeError | undefined
}

export interface ConfigSearch {
  /** Every place, the nearest first, absent ones included. With `--config` it is one. */
  readonly places: ReadonlyArray<LookedAt>
  /** The root of the repository that bounds the search, if there is one. */
  readonly repository: string | undefined
  /** What counts. Its `file` is that of the nearest file read; empty when there is none. */
  readonly config: FoundConfig
}

/** Looks, reads and merges. `trusts`: files by absolute path that are trusted this once. */
export const search = Effect.fnUntraced(function*(
  named: Option.Option<string>,
  trusts: ReadonlySet<string> = new Set()
): Effect.fn.Return<ConfigSearch, never, Shell> {
  const { directory } = yield* Shell
  const places = Option.isSome(named)
    ? [
      {
        file: path.resolve(directory, named.value),
        shown: named.value,
        scope: "named",
        needsTrust: false
      } satisfies ConfigPlaces.Place
    ]
    : ConfigPlaces.all({ directory })
  const looked: Array<LookedAt> = []
  let isOver = false
  for (const place of places) {
    const outcome: Outcome = yield* lookAt(place, isOver, trusts)
    isOver ||= outcome._tag === "Faulty"
    looked.push({ ...place, outcome })
  }
  return { places: looked, repository: ConfigPlaces.repositoryOf(directory), config: merge(looked) }
})

const lookAt = Effect.fnUntraced(function*(
  place: ConfigPlaces.Place,
  isOver: boolean,
  trusts: ReadonlySet<string>
): Effect.fn.Return<Outcome> {
  if (place.scope !== "named" && !ConfigPlaces.isThere(place)) return { _tag: "Absent" }
  if (isOver) return { _tag: "Behind" }
  if (place.needsTrust && !trusts.has(place.file)) {
    const trust = yield* Effect.result(Effect.try({ try: () => ConfigPlaces.trustOf(place.file), catch: String }))
    // One that cannot be read is for `load` to complain about.
    if (Result.isSuccess(trust) && trust.success !== "trusted") {
      return { _tag: "Untrusted", isChanged: trust.success === "changed" }
    }
  }
  return yield* Effect.match(McpConfig.load(place.file, { file: place.shown }), {
    onSuccess: (config): Outcome => ({ _tag: "Read", config }),
    onFailure: (fault): Outcome => ({ _tag: "Faulty", fault })
  })
})

const merge = (looked: ReadonlyArray<LookedAt>): FoundConfig => {
  const servers = new Map<string, McpConfig["servers"] extends ReadonlyMap<string, infer A> ? A : never>()
  const unusable = new Map<string, McpConfig["unusable"] extends ReadonlyMap<string, infer A> ? A : never>()
  const switchedOff = new Set<string>()
  const origins = new Map<string, Origin>()
  const warnings: Array<McpConfig["warnings"][number]> = []
  const read = looked.flatMap(({ file, outcome, shown }) =>
    outcome._tag === "Read" ? [{ file, shown, config: outcome.config }] : []
  )
  for (const { config, file, shown } of read) {
    const isNew = (name: string): boolean => origins.get(name)?.file === file
    for (const name of [...config.servers.keys(), ...config.unusable.keys()]) {
      const other = origins.get(name)
      origins.set(
        name,
        other === undefined ? { file, shown, hidden: [] } : { ...other, hidden: [...other.hidden, file] }
      )
    }
    for (const [name, server] of config.servers) if (isNew(name)) servers.set(name, server)
    for (const [name, reason] of config.unusable) if (isNew(name)) unusable.set(name, reason)
    for (const name of config.switchedOff) if (isNew(name)) switchedOff.add(name)
    warnings.push(...config.warnings.filter(({ server }) => server === undefined || isNew(server)))
  }
  const fault = looked.map(({ outcome }) => outcome).find((outcome) => outcome._tag === "Faulty")?.fault
  return { file: read[0]?.shown ?? "", servers, unusable, switchedOff, warnings, origins, fault }
}
