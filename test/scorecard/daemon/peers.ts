/** The programs that are compared, as their users call them. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

export interface Peer {
  readonly name: string
  /** Before the first call, where that is the user's to do. The config is `config.json`, the server in it `one`. */
  readonly connect?: ReadonlyArray<string>
  readonly call: (tool: string, text: string) => ReadonlyArray<string>
  /** The same with a deadline of two seconds, where there is one. */
  readonly hurried?: (tool: string, text: string) => ReadonlyArray<string>
  /** What the server's entry says so that it ends after half a second without a call, where that can be said. */
  readonly idle?: object
  /** What the server's entry says in any case. */
  readonly entry?: object
}

const root = path.resolve(import.meta.dirname, "../../..")

/** The others, exactly these. */
const packages = { mcporter: "0.12.3", "@apify/mcpc": "0.2.6", "@modelcontextprotocol/inspector": "2.12.0" }

/** Builds ours, and installs the others from npm into a folder of the clone's `.tmp`. */
export const prepare = (): ReadonlyArray<Peer> => {
  execFileSync(process.execPath, [path.join(root, "scripts/build.ts")], { stdio: ["ignore", 2, 2] })
  const folder = path.join(root, ".tmp/scorecard")
  fs.mkdirSync(folder, { recursive: true })
  const wanted = JSON.stringify({ private: true, dependencies: packages })
  const manifest = path.join(folder, "package.json")
  if (!fs.existsSync(manifest) || fs.readFileSync(manifest, "utf8") !== wanted) {
    fs.writeFileSync(manifest, wanted)
    const words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    try {
      execFileSync("npm", words, { cwd: folder, stdio: ["ignore", 2, 2] })
    } catch (error) {
      fs.rmSync(manifest)
      throw error
    }
  }
  const bin = (name: string): string => path.join(folder, "node_modules/.bin", name)
  const ours = [path.join(root, "apps/cli/dist/holdfast.cjs"), "call", "-c", "config.json"]
  const mcporter = [bin("mcporter"), "--config", "config.json", "call"]
  const mcpc = [bin("mcpc"), "@one"]
  return [
    {
      name: "holdfast",
      call: (tool, text) => [...ours, `one.${tool}`, `text=${text}`],
      hurried: (tool, text) => [...ours, "--deadline", "2s", `one.${tool}`, `text=${text}`],
      idle: { holdfast: { idleTimeout: "500 millis" } }
    },
    {
      name: "mcporter 0.12.3",
      call: (tool, text) => [...mcporter, `one.${tool}`, `text=${text}`],
      hurried: (tool, text) => [...mcporter, `one.${tool}`, `text=${text}`, "--timeout", "2000"],
      entry: { lifecycle: "keep-alive" },
      idle: { lifecycle: { mode: "keep-alive", idleTimeoutMs: 500 } }
    },
    {
      name: "mcpc 0.2.6",
      connect: [bin("mcpc"), "connect", "config.json:one", "@one"],
      call: (tool, text) => [...mcpc, "tools-call", tool, `text:=${text}`],
      hurried: (tool, text) => [...mcpc, "tools-call", tool, `text:=${text}`, "--timeout", "2"]
    },
    {
      name: "mcpdo 2.12.0",
      connect: [bin("mcpdo"), "--config", "config.json", "connect", "one"],
      call: (tool, text) => [bin("mcpdo"), "--connection", "one", "tools/call", tool, `text:=${text}`]
    }
  ]
}
