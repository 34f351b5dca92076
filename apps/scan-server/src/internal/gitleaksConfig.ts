/**
 * Reads a configuration of gitleaks (TOML): its rules and allow lists, old and new form.
 *
 * Gotchas: `extend.useDefault` means the built-in rules here, which are there in any case; `extend.path` and rules that need others
 * (`required`) are refused. A rule has no severity there: all of them are `high`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { parse as parseToml, TomlError } from "smol-toml"
import type { AllowList, RuleSet, ScanRule } from "../ScanRule.ts"

export interface NotGitleaks {
  readonly problem: string
  readonly line?: number
  readonly column?: number
}

const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const Allow = Schema.Struct({
  condition: Schema.optionalKey(Schema.String),
  targetRules: Texts,
  commits: Texts,
  paths: Texts,
  regexTarget: Schema.optionalKey(Schema.String),
  regexes: Texts,
  stopwords: Texts
})

const Configuration = Schema.Struct({
  extend: Schema.optionalKey(Schema.Struct({
    path: Schema.optionalKey(Schema.String),
    disabledRules: Texts
  })),
  allowlist: Schema.optionalKey(Allow),
  allowlists: Schema.optionalKey(Schema.Array(Allow)),
  rules: Schema.optionalKey(Schema.Array(Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    description: Schema.optionalKey(Schema.String),
    regex: Schema.optionalKey(Schema.String),
    path: Schema.optionalKey(Schema.String),
    secretGroup: Schema.optionalKey(Schema.Int),
    entropy: Schema.optionalKey(Schema.Finite),
    keywords: Texts,
    allowlist: Schema.optionalKey(Allow),
    allowlists: Schema.optionalKey(Schema.Array(Allow)),
    required: Schema.optionalKey(Schema.Array(Schema.Unknown))
  })))
})

export const parse = (text: string): Effect.Effect<RuleSet, NotGitleaks> =>
  Effect.try({
    try: (): unknown => parseToml(text),
    catch: (error): NotGitleaks =>
      error instanceof TomlError
        ? { problem: error.message.split("\n")[0] ?? "this is no TOML", line: error.line, column: error.column }
        : { problem: String(error) }
  }).pipe(
    Effect.flatMap((toml) =>
      Effect.mapError(
        Schema.decodeUnknownEffect(Configuration, { errors: "all" })(toml),
        ({ message }): NotGitleaks => ({ problem: message })
      )
    ),
    Effect.flatMap(toRuleSet)
  )

const toRuleSet = ({ allowlist, allowlists = [], extend = {}, rules = [] }: typeof Configuration.Type) =>
  Effect.gen(function*() {
    if (extend.path !== undefined) {
      return yield* Effect.fail<NotGitleaks>({ problem: "extend.path is not followed; put all rules into one file" })
    }
    const disabled = new Set(extend.disabledRules)
    const own: Array<ScanRule> = []
    for (const [index, rule] of rules.entries()) {
      const id = rule.id ?? `rule-${index + 1}`
      if (disabled.has(id)) continue
      if (rule.required !== undefined) {
        return yield* Effect.fail<NotGitleaks>({ problem: `the rule "${id}" requires others, which is not supported` })
      }
      const { description, entropy, keywords = [], path, regex, secretGroup } = rule
      if (regex === undefined && path === undefined) continue
      const lists = [...rule.allowlist === undefined ? [] : [rule.allowlist], ...rule.allowlists ?? []]
      own.push({
        id,
        name: description ?? id,
        severity: "high",
        pattern: regex,
        path,
        group: secretGroup === 0 ? undefined : secretGroup,
        keywords,
        entropy: entropy === 0 ? undefined : entropy,
        multiline: true,
        generic: id.startsWith("generic"),
        allow: lists.map(toAllowList)
      })
    }
    const lists = [...allowlist === undefined ? [] : [allowlist], ...allowlists]
    return { rules: own, allow: lists.map(toAllowList) }
  })

const toAllowList = (list: typeof Allow.Type): AllowList => ({
  every: list.condition !== undefined && /^(?:and|&&)$/i.test(list.condition),
  rules: list.targetRules,
  paths: list.paths,
  regexes: list.regexes,
  target: list.regexTarget === "match" || list.regexTarget === "line" ? list.regexTarget : "secret",
  stopwords: list.stopwords,
  commits: list.commits
})
