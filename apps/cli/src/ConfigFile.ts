/**
 * The config a command uses: the one named by `--config`, or what `ConfigSearch` finds. What was looked for is said when there is none.
 *
 * A file that a repository brought along starts nothing until the user has agreed to it: on a terminal by the answer to a question, elsewhere by
 * `--trust`. Neither is needed for a server that a nearer file has.
 */
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { CliFailure } from "./CliFailure.ts"
import * as ConfigPlaces from "./ConfigPlaces.ts"
import * as ConfigSearch from "./ConfigSearch.ts"
import { ExitCode } from "./ExitCode.ts"
import { inShort } from "./hosts/ImportedEntry.ts"
import { note } from "./Quiet.ts"
import * as ServerWord from "./ServerWord.ts"
import { Shell } from "./Shell.ts"
import { printable } from "./Style.ts"
import { Trusting } from "./Trusting.ts"

/** Where editors keep servers for a project, besides the places that are searched. */
const elsewhere = [
  ".roo/mcp.json",
  ".kilocode/mcp.json",
  ".gemini/settings.json",
  ".qwen/settings.json",
  ".kiro/settings/mcp.json",
  ".amazonq/mcp.json",
  "opencode.json",
  "opencode.jsonc"
]

/**
 * Finds and reads the config. `word` is the server that the command is about, alone or with a tool: of files that do not matter to it nothing
 * is asked and nothing told.
 */
export const load = Effect.fnUntraced(function*(named: Option.Option<string>, word?: string | undefined) {
  const found = yield* agreed(named, yield* ConfigSearch.search(named), word)
  const { config, places } = found
  const isKnown = word !== undefined && Result.isSuccess(ServerWord.split(word, config))
  if (config.fault !== undefined && !isKnown && (config.file === "" || word !== undefined)) return yield* config.fault
  const untrusted = places.filter(({ outcome }) => outcome._tag === "Untrusted")
  if (config.file === "") return yield* nothingFound(untrusted)
  if (!isKnown || untrusted.some((place) => isBefore(places, place, originOf(word, config)))) {
    for (const place of untrusted) yield* note(`holdfast: ${leftOut(place)}\n`)
  }
  return config
})

/** Asks for the user's agreement where it matters and can be given, and reads what is agreed to. */
const agreed = Effect.fnUntraced(function*(
  named: Option.Option<string>,
  found: ConfigSearch.ConfigSearch,
  word: string | undefined
) {
  const { config, places } = found
  const untrusted = places.filter((place) =>
    place.outcome._tag === "Untrusted" && isBefore(places, place, originOf(word, config))
  )
  if (untrusted.length === 0) return found
  const trusts = yield* Trusting
  const { ask } = yield* Shell
  if (!trusts && ask === undefined) return found
  for (const place of untrusted) {
    const isAgreed = trusts || ask !== undefined && isYes(yield* ask(yield* questionOf(place)))
    if (!isAgreed) continue
    yield* Effect.mapError(
      Effect.try({ try: () => ConfigPlaces.trust(place.file), catch: String }),
      (why) =>
        new CliFailure({
          exitCode: ExitCode.config,
          reason: "NotRemembered",
          message: `cannot remember that ${printable(place.shown)} is trusted: ${why}`
        })
    )
  }
  return yield* ConfigSearch.search(named)
})

const questionOf = Effect.fnUntraced(function*({ file, outcome }: ConfigSearch.LookedAt) {
  const what = outcome._tag === "Untrusted" && outcome.isChanged
    ? "has changed since you trusted it"
    : "came with this folder"
  const config = yield* Effect.option(McpConfig.load(file))
  const servers = Option.match(config, {
    onNone: () => [],
    onSome: ({ servers, switchedOff, unusable }) => [
      ...[...servers.values()].map(({ endpoint, name }) => `${name}: ${inShort({ ...endpoint })}`),
      ...[...unusable.keys()].filter((name) => !switchedOff.has(name))
    ]
  })
  return [
    `holdfast: ${printable(file)} ${what}${servers.length > 0 ? ". It starts or connects to:" : "."}`,
    ...servers.map((line) => `  ${printable(line)}`),
    "Use it from now on, until it changes? [y/N] "
  ].join("\n")
})

/** The end of the input (Ctrl-D) is no. */
const isYes = (answer: Option.Option<string>): boolean =>
  Option.isSome(answer) && /^\s*y(?:es)?\s*$/i.test(answer.value)

/** Whether a place is nearer than the file that a server is from; true for every place where there is no such server. */
const isBefore = (
  places: ReadonlyArray<ConfigSearch.LookedAt>,
  place: ConfigSearch.LookedAt,
  origin: ConfigSearch.Origin | undefined
): boolean => origin === undefined || places.indexOf(place) < places.findIndex(({ file }) => file === origin.file)

const originOf = (word: string | undefined, config: ConfigSearch.FoundConfig): ConfigSearch.Origin | undefined => {
  const meant = word === undefined ? undefined : Result.getOrUndefined(ServerWord.split(word, config))
  return meant && config.origins.get(meant.server)
}

const leftOut = ({ outcome, shown }: ConfigSearch.LookedAt): string =>
  `${printable(shown)} is left out: ${
    outcome._tag === "Untrusted" && outcome.isChanged
      ? "it has changed since you trusted it"
      : "you have not trusted it"
  }; --trust uses it from now on`

const nothingFound = Effect.fnUntraced(function*(untrusted: ReadonlyArray<ConfigSearch.LookedAt>) {
  const { directory } = yield* Shell
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const others = yield* Effect.filter(
    elsewhere,
    (name) => Effect.orElseSucceed(fs.exists(path.join(directory, name)), () => false)
  )
  const [first, second, ...more] = ConfigPlaces.names
  const below = ConfigPlaces.repositoryOf(directory) === undefined ? "" : " up to the root of its repository"
  return yield* new CliFailure({
    exitCode: ExitCode.config,
    reason: "ConfigNotFound",
    message: `no config: there is neither ${first} nor ${second} in ${directory}`,
    details: untrusted.length > 0
      ? untrusted.map((place) => `  ${leftOut(place)}.`).join("\n")
      : others.length > 0
      ? `  There is ${others.join(" and ")}: --config ${others[0]} uses it.`
      : `  Looked for ${[first, second, ...more].join(", ")}${below},\n  and for ${ConfigPlaces.usersFile()}.\n` +
        `  Name one with --config, or write ${first}:\n` +
        `  {"mcpServers": {"fs": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}}}`
  })
})

/** The file that a server is from, as messages name it. */
export const fileOf = (config: McpConfig & Partial<ConfigSearch.FoundConfig>, server: string): string =>
  config.origins?.get(server)?.shown ?? config.file
