/** The command line of one scan, for people and for CI: what to scan, what to set aside, how to tell it, and the exit code. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Baseline from "./Baseline.ts"
import { rank, type Report, Severity } from "./Finding.ts"
import * as FingerprintKey from "./FingerprintKey.ts"
import * as Sarif from "./Sarif.ts"
import * as Scanner from "./Scanner.ts"
import * as ScanReport from "./ScanReport.ts"
import * as ScanRules from "./ScanRules.ts"

/** What the exit code says. */
export const ExitCode = {
  /** All was read, and nothing was found that is as bad as `--fail-on` says. */
  clean: 0,
  /** Something was. */
  found: 1,
  /** The scan could not be made, or not all was read: that nothing was found means nothing. */
  incomplete: 2
} as const

const file = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("file"), Flag.withDescription(description), Flag.optional)

const config = {
  folder: Argument.String("folder").pipe(
    Argument.withDescription("The folder to scan. Default: the working directory"),
    Argument.withDefault(".")
  ),
  failOn: Flag.Literals("fail-on", [...Severity.literals, "never"]).pipe(
    Flag.withDescription("End with 1 if there is a finding this bad or worse. Default: low, which is any"),
    Flag.withDefault("low")
  ),
  format: Flag.Literals("format", ["text", "json", "sarif"]).pipe(
    Flag.withDescription("How to tell it, on stdout. Default: text"),
    Flag.withDefault("text")
  ),
  rules: file("rules", "Rules and allow lists of your own: JSON, or a configuration of gitleaks (.toml)"),
  baseline: file("baseline", "Findings that are known, and set aside"),
  writeBaseline: file("write-baseline", "Make a baseline of all that is found"),
  key: file(
    "key",
    "The key of fingerprints, made if it is not there. Default: $HOLDFAST_SCAN_KEY, else holdfast-scan.key"
  ),
  history: Flag.Boolean("history").pipe(
    Flag.withDescription("Scan what the commits of the git repository have ever added, too"),
    Flag.withDefault(false)
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withDescription("Threads that scan, 1 to 64. Default: 2"),
    Flag.filter((threads) => threads >= 1 && threads <= 64, () => "from 1 to 64 threads"),
    Flag.withDefault(2)
  )
}

/** The command. `onExit` is told the exit code. */
export const command = (version: string, onExit: (code: number) => void) =>
  CliCommand.make("holdfast-scan", config, (options) =>
    Effect.gen(function*() {
      const { baseline, failOn, folder, format, history, threads, writeBaseline } = options
      const set = yield* ScanRules.load(Option.getOrUndefined(options.rules))
      const isKept = Option.isSome(baseline) || Option.isSome(writeBaseline) || Option.isSome(options.key)
      const keyFile = Option.getOrElse(options.key, () => "holdfast-scan.key")
      // Fingerprints that nothing is compared with need no key that lasts.
      const key = yield* isKept ? FingerprintKey.load(keyFile) : FingerprintKey.environmentOr(FingerprintKey.random)
      const known = Option.isSome(baseline) ? yield* Baseline.load(baseline.value, key) : new Set<string>()
      const { found, report } = yield* Effect.scoped(Effect.gen(function*() {
        const scanner = yield* Scanner.make({ roots: [folder], rules: set, key, threads })
        const root = yield* scanner.resolve(".")
        const { batches, notRead } = yield* scanner.plan(root)
        const results = yield* Effect.forEach(batches, (batch) => scanner.scan(root, batch), { concurrency: threads })
        const past = history ? [yield* scanner.history(root)] : []
        const all = [...results, ...past]
        return { found: Scanner.sum(all).findings, report: ScanReport.make(root, notRead, all, known) }
      }))
      if (Option.isSome(writeBaseline)) yield* Baseline.write(writeBaseline.value, key, found)
      yield* Console.log(
        format === "json"
          ? JSON.stringify(report, undefined, 2)
          : format === "sarif"
          ? JSON.stringify(Sarif.fromReport(report, ScanRules.described(set), version), undefined, 2)
          : inLines(report)
      )
      for (const { path, reason } of report.notRead) {
        yield* Console.error(`holdfast-scan: ${path} was not read: ${reason}`)
      }
      const hasFound = failOn !== "never" &&
        Severity.literals.some((one) => rank[one] <= rank[failOn] && report.bySeverity[one])
      onExit(
        hasFound && Option.isNone(writeBaseline)
          ? ExitCode.found
          : report.isComplete
          ? ExitCode.clean
          : ExitCode.incomplete
      )
    }).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Console.error(`holdfast-scan: ${error.message}`),
          Effect.sync(() => onExit(ExitCode.incomplete))
        )
      )
    )).pipe(
      CliCommand.withDescription(
        "Scans a folder for secrets. Ends with 0 if there are none, 1 if there are, 2 if not all could be read"
      )
    )

const inLines = (report: Report): string => {
  const { allowed, findings, files, known, notReadTotal, total } = report
  const lines = findings.map(({ column, commit, excerpt, line, path, rule, severity }) =>
    `${path}:${line}:${column}  ${severity}  ${rule}  ${excerpt}${
      commit === undefined ? "" : `  ${commit.slice(0, 12)}`
    }`
  )
  const counts = [
    `${files} files`,
    `${total} findings`,
    ...total > findings.length ? [`the worst ${findings.length} of them are listed`] : [],
    ...known > 0 ? [`${known} known`] : [],
    ...allowed > 0 ? [`${allowed} allowed`] : [],
    ...notReadTotal > 0 ? [`${notReadTotal} not read`] : []
  ]
  return [...lines, counts.join(", ")].join("\n")
}
