/**
 * Real MCP servers on npm that need no account, no network, no browser and no build step to say what their tools are. Chosen so that many authors, SDKs
 * and ways to write schemas are among them. Their versions are pinned; what they depend on is as npm resolves it that night.
 */
export interface NpmServer {
  readonly name: string
  readonly version: string
  /** After the program. `<folder>` is an empty folder of the run. */
  readonly args?: ReadonlyArray<string>
  /** Beside `HOME`, which is that folder. */
  readonly env?: Readonly<Record<string, string>>
  /** The program, where the package has several. Default: the first. */
  readonly bin?: string
}

export const npmServers: ReadonlyArray<NpmServer> = [
  { name: "@modelcontextprotocol/server-everything", version: "2026.8.31" },
  { name: "@modelcontextprotocol/server-filesystem", version: "2026.8.31", args: ["<folder>"] },
  { name: "@modelcontextprotocol/server-memory", version: "2026.8.31" },
  { name: "@modelcontextprotocol/server-sequential-thinking", version: "2026.8.31" },
  { name: "@modelcontextprotocol/server-postgres", version: "0.6.2", args: ["postgresql://127.0.0.1:1/none"] },
  { name: "@modelcontextprotocol/server-puppeteer", version: "2025.5.12" },
  { name: "@modelcontextprotocol/server-github", version: "2025.4.8" },
  { name: "@modelcontextprotocol/server-pdf", version: "2.0.4", args: ["--stdio"] },
  { name: "mcp-hello-world", version: "1.1.2" },
  { name: "@eslint/mcp", version: "0.3.13" },
  { name: "@antv/mcp-server-chart", version: "0.9.10" },
  { name: "chrome-devtools-mcp", version: "1.11.0" },
  { name: "@playwright/mcp", version: "0.0.83" },
  { name: "next-devtools-mcp", version: "0.4.0" },
  { name: "mcp-server-code-runner", version: "0.1.8" },
  { name: "mcp-server-kubernetes", version: "4.1.7" },
  { name: "mcp-mermaid", version: "0.4.1" },
  { name: "@openbnb/mcp-server-airbnb", version: "0.3.0" },
  { name: "@cyanheads/git-mcp-server", version: "2.15.3" },
  { name: "@mui/mcp", version: "0.1.6" },
  { name: "@agent-infra/mcp-server-filesystem", version: "1.2.29", args: ["--allowed-directories", "<folder>"] },
  { name: "@sylphx/pdf-reader-mcp", version: "2.4.0" },
  { name: "mcp-fetch-server", version: "1.1.2" },
  { name: "time-mcp", version: "1.0.6" },
  { name: "@kimtaeyoon83/mcp-server-youtube-transcript", version: "0.1.1" },
  { name: "mcp-server-commands", version: "0.5.0" },
  { name: "@allpepper/memory-bank-mcp", version: "0.2.2", env: { MEMORY_BANK_ROOT: "<folder>" } },
  { name: "@agent-infra/mcp-server-commands", version: "1.2.18" },
  { name: "@angiejones/mcp-selenium", version: "0.2.3" },
  { name: "@accesslint/mcp", version: "0.11.1" },
  { name: "@anaisbetts/mcp-installer", version: "0.5.0" }
]
