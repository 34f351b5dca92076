/**
 * What a scan looks for, and what it leaves alone. Rules are data: a pattern, words without which it is not tried, and what the find must
 * be like. The built-in ones are beside this (`BuiltInRules`, `SecretlintRules`); rules of one's own come from a file: JSON in the form of
 * `RuleFile`, or a configuration of gitleaks.
 *
 * Gotchas: patterns run on RE2's engine, whose time is in proportion to the text whatever the pattern. It has no lookahead, no
 * lookbehind and no back reference: a file with one of them is refused.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { builtInAllowLists, builtInRules } from "./BuiltInRules.ts"
import { Severity } from "./Finding.ts"
import { parseJson } from "./internal/parseJson.ts"
import type { AllowList, RuleSet } from "./ScanRule.ts"
import { secretlintRules } from "./SecretlintRules.ts"

/** What is always there. */
export const builtIn: RuleSet = { rules: builtInRules, allow: builtInAllowLists }

/** The rules of a set by name, those of secretlint with them. */
export const described = (
  { rules }: RuleSet
): ReadonlyArray<{ readonly id: string; readonly name: string; readonly severity: Severity }> => [
  ...secretlintRules,
  ...rules
]

/** A rule file cannot be used. Says where in it, and what was expected. */
export class RulesInvalid extends Data.TaggedError("RulesInvalid")<{
  readonly file: string
  readonly problem: string
  /** Where in the text, if that is known; both from 1 on. */
  readonly line?: number | undefined
  readonly column?: number | undefined
}> {
  override get message(): string {
    const { column, file, line, problem } = this
    return `rules ${file}${line === undefined ? "" : `:${line}:${column}`}: ${problem}`
  }
}

const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const RuleFile = Schema.Struct({
  rules: Schema.optionalKey(Schema.Array(Schema.Struct({
    id: Schema.String.check(Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,60}$/)),
    name: Schema.String,
    severity: Severity,
    pattern: Schema.String,
    path: Schema.optionalKey(Schema.String),
    keywords: Texts,
    ignoreCase: Schema.optionalKey(Schema.Boolean),
    entropy: Schema.optionalKey(Schema.Finite)
  }))),
  allow: Schema.optionalKey(Schema.Array(Schema.Struct({
    every: Schema.optionalKey(Schema.Boolean),
    rules: Texts,
    paths: Texts,
    regexes: Texts,
    target: Schema.optionalKey(Schema.Literals(["secret", "match", "line"])),
    stopwords: Texts,
    commits: Texts
  })))
})

/** The built-in rules and those of a file, if one is named: what ends in `.toml` is a configuration of gitleaks. Fails with `RulesInvalid`. */
export const load = Effect.fn("ScanRules.load")(function*(file: string | undefined) {
  if (file === undefined) return builtIn
  const fail = (problem: string) => new RulesInvalid({ file, problem })
  const inWords = (message: string) => message.replaceAll(/\s*\n\s*at /g, " at ").replaceAll(/\s*\n\s*/g, "; ")
  const text = yield* FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(file)),
    Effect.mapError(({ reason }) =>
      fail(
        reason._tag === "NotFound"
          ? "there is no such file; name one that is there"
          : "the file cannot be read; see that it is a file, and that the user of this server may read it"
      )
    )
  )
  // Neither is loaded by a server that has no rules to read.
  const { problemOf } = yield* Effect.promise(() => import("./internal/pattern.ts"))
  const own: RuleSet = file.endsWith(".toml")
    ? yield* Effect.promise(() => import("./internal/gitleaksConfig.ts")).pipe(
      Effect.flatMap(({ parse }) => parse(text)),
      Effect.mapError((place) => new RulesInvalid({ file, ...place, problem: inWords(place.problem) }))
    )
    : yield* Effect.mapError(parseJson(text), (place) => new RulesInvalid({ file, ...place })).pipe(
      Effect.flatMap((json) =>
        Effect.mapError(
          Schema.decodeUnknownEffect(RuleFile, { errors: "all" })(json),
          (error) => fail(inWords(error.message))
        )
      ),
      Effect.map(({ allow = [], rules = [] }) => ({
        rules: rules.map(({ keywords = [], ...rule }) => ({ ...rule, keywords })),
        allow
      }))
    )
  const known = new Set<string>()
  for (const { allow = [], id, path, pattern } of own.rules) {
    if (known.has(id)) return yield* fail(`there are two rules "${id}"`)
    known.add(id)
    if (pattern !== undefined) {
      const problem = problemOf(pattern, "find")
      if (problem !== undefined) return yield* fail(`the pattern of "${id}" ${problem}`)
    }
    for (const one of [path ?? [], allow.flatMap(patternsOf)].flat()) {
      const problem = problemOf(one, "test")
      if (problem !== undefined) return yield* fail(`the pattern ${JSON.stringify(one)} of "${id}" ${problem}`)
    }
  }
  for (const one of own.allow.flatMap(patternsOf)) {
    const problem = problemOf(one, "test")
    if (problem !== undefined) return yield* fail(`the pattern ${JSON.stringify(one)} of an allow list ${problem}`)
  }
  // A rule of one's own takes the place of a built-in one of the same id.
  return {
    rules: [...builtIn.rules.filter(({ id }) => !known.has(id)), ...own.rules],
    allow: [...builtIn.allow, ...own.allow]
  }
})

const patternsOf = ({ paths = [], regexes = [] }: AllowList): ReadonlyArray<string> => [...paths, ...regexes]
