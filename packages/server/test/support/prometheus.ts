/**
 * A real Prometheus that runs the files of `docs/metrics.md`: word for word but for the addresses of its targets and how often it asks
 * them. Everything that it writes is in a temporary directory; it needs no privileges.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Debian from "./debianProgram.ts"
import { blocksOf, blockWith, pageOf, replaceOnce } from "./documentExample.ts"

const page = pageOf("metrics.md")

/** The rules, as they stand there. */
export const rules = blockWith(page, "yaml", "\ngroups:\n")

const configuration = blockWith(page, "yaml", "\nscrape_configs:\n")

if (blocksOf(page, "yaml").length !== 2) throw new Error("docs/metrics.md has other files than it had")

/** A series that the document names: as Prometheus finds it, with the kind that is said there. */
export interface Documented {
  readonly name: string
  readonly kind: string
  /** A histogram has several, under names of their own. */
  readonly samples: ReadonlyArray<string>
}

const suffixes: Readonly<Record<string, ReadonlyArray<string>>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"]
}

/** All that the tables name: of Effect's exporter by their names in Prometheus, and of the operators' page. */
export const documented: ReadonlyArray<Documented> = page.split("\n").flatMap((line) => {
  const cells = line.split("|").map((cell) => cell.trim())
  const index = cells.findIndex((cell) => /^`(holdfast_|mcp_)\w+`$/.test(cell))
  const [name = "", kind = ""] = index < 0 ? [] : [cells[index]?.replaceAll("`", ""), cells[index + 1]]
  return name === "" ? [] : [{ name, kind, samples: (suffixes[kind] ?? [""]).map((suffix) => `${name}${suffix}`) }]
})

const firstColumn = (table: RegExp): ReadonlyArray<string> =>
  (table.exec(page)?.[0] ?? "").split("\n").slice(2)
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)])
    .map(([, reason = ""]) => reason)

/** Why sessions are closed and callers refused, as the document's tables say. */
export const documentedReasons: ReadonlyArray<string> = [
  ...firstColumn(/^\| reason .*?\n\n/ms),
  ...firstColumn(/^\| refused with .*?\n\n/ms)
]

export interface Targets {
  /** Operators' ports. */
  readonly servers: readonly [string, string]
  /** A program with Effect's exporter. */
  readonly program: string
  readonly token: string
}

/** Writes the document's files into a directory, and says where they are. */
export const write = (directory: string, { program, servers, token }: Targets) => {
  const tokenFile = path.join(directory, "operator-token")
  let text = replaceOnce(configuration, "/etc/prometheus/operator-token", tokenFile)
  text = replaceOnce(text, "[\"10.0.0.11:9464\", \"10.0.0.12:9464\"]", JSON.stringify(servers))
  text = replaceOnce(text, "10.0.0.21:9090", program)
  const file = path.join(directory, "prometheus.yml")
  fs.writeFileSync(tokenFile, token)
  fs.writeFileSync(file, `global: { scrape_interval: 250ms, evaluation_interval: 250ms }\n${text}`)
  const rulesFile = path.join(directory, "alerts.yml")
  fs.writeFileSync(rulesFile, rules)
  return { file, rulesFile }
}

const startOn = (targets: Targets) =>
  Effect.gen(function*() {
    const directory = yield* Debian.temporaryDirectory("prometheus")
    const { file } = write(directory, targets)
    const origin = `http://127.0.0.1:${yield* Debian.freePort}`
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${path.join(directory, "data")}`,
      `--web.listen-address=${new URL(origin).host}`,
      "--log.level=warn"
    ]
    const running = yield* Debian.run(Debian.pathOf("prometheus"), args, {
      cwd: directory,
      isReady: Effect.map(Debian.statusOf(`${origin}/-/ready`), (status) => status === 200)
    })
    /** Asks its HTTP API; the answer is what the caller looks for, or the test fails there. */
    const get = <A>(route: string): Effect.Effect<A> =>
      Effect.promise(async (signal) => {
        const response = await fetch(`${origin}/api/v1/${route}`, { signal })
        // Whoever asks says what Prometheus' documentation promises for it.
        const { data } = await response.json() as { readonly data: A }
        return data
      })
    return { ...running, get }
  })

/** Runs until the Scope closes. Somebody else may take a port that was free: then on another one. */
export const start = (targets: Targets) => startOn(targets).pipe(Effect.retry({ times: 2 }), Effect.orDie)
