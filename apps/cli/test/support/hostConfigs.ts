/** Configs in the form that each program's own documents or sources give. The address is beside each. */
export interface HostConfig {
  readonly host: string
  /** From the user's home, on Linux. */
  readonly file: string
  readonly from: string
  readonly text: string
  /** What is imported for a file of the user's own. */
  readonly imported: Readonly<Record<string, object>>
  /** What is not imported. */
  readonly unusable?: ReadonlyArray<string>
  /** What is adopted: the command as the program starts it afterwards. */
  readonly adopted: Readonly<Record<string, ReadonlyArray<string>>>
}

export const hostConfigs: ReadonlyArray<HostConfig> = [
  {
    host: "claude-desktop",
    file: ".config/Claude/claude_desktop_config.json",
    from: "https://modelcontextprotocol.io/quickstart/user",
    text: `{
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": [
        "-y",
        "@modelcontextprotocol/server-filesystem",
        "/Users/username/Desktop",
        "/Users/username/Downloads"
      ]
    }
  }
}
`,
    imported: {
      filesystem: {
        command: "npx",
        args: ["-y", "@modelcontextprotocol/server-filesystem", "/Users/username/Desktop", "/Users/username/Downloads"]
      }
    },
    adopted: {
      filesystem: [
        "npx",
        "-y",
        "@modelcontextprotocol/server-filesystem",
        "/Users/username/Desktop",
        "/Users/username/Downloads"
      ]
    }
  },
  {
    host: "claude-code",
    file: ".claude.json",
    from: "https://code.claude.com/docs/en/mcp and https://github.com/anthropics/claude-code/issues/26167",
    text: `{
  "numStartups": 41,
  "mcpServers": {
    "stripe": { "type": "http", "url": "https://mcp.stripe.com" },
    "airtable": {
      "type": "stdio",
      "command": "npx",
      "args": ["-y", "airtable-mcp-server"],
      "env": { "AIRTABLE_API_KEY": "YOUR_KEY" }
    }
  },
  "projects": {
    "/path/to/your/project": {
      "allowedTools": [],
      "mcpServers": {
        "chrome-devtools": { "type": "stdio", "command": "npx", "args": ["chrome-devtools-mcp@latest"], "env": {} }
      }
    }
  }
}`,
    imported: {
      stripe: { type: "http", url: "https://mcp.stripe.com" },
      airtable: { command: "npx", args: ["-y", "airtable-mcp-server"], env: { AIRTABLE_API_KEY: "YOUR_KEY" } }
    },
    adopted: {
      "airtable": ["npx", "-y", "airtable-mcp-server"],
      "chrome-devtools": ["npx", "chrome-devtools-mcp@latest"]
    }
  },
  {
    host: "cursor",
    file: ".cursor/mcp.json",
    from: "https://docs.cursor.com/context/model-context-protocol",
    text: `{
  "mcpServers": {
    "local-server": {
      "type": "stdio",
      "command": "python",
      "args": ["\${workspaceFolder}/mcp-server.py"],
      "env": { "API_KEY": "\${env:API_KEY}" },
      "envFile": "\${workspaceFolder}/.env"
    },
    "remote-server": { "url": "https://api.example.com/mcp", "headers": { "Authorization": "Bearer \${env:MY_SERVICE_TOKEN}" } }
  }
}
`,
    imported: {
      "local-server": {
        command: "python",
        args: ["${workspaceFolder}/mcp-server.py"],
        env: { API_KEY: "${env:API_KEY}" },
        envFile: "${workspaceFolder}/.env"
      },
      "remote-server": {
        type: "http",
        url: "https://api.example.com/mcp",
        headers: { Authorization: "Bearer ${env:MY_SERVICE_TOKEN}" }
      }
    },
    adopted: { "local-server": ["python", "${workspaceFolder}/mcp-server.py"] }
  },
  {
    host: "vscode",
    file: ".config/Code/User/mcp.json",
    from: "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
    text: `{
  // Asked for once, and kept by the editor.
  "inputs": [
    {
      "type": "promptString",
      "id": "perplexity-key",
      "description": "Perplexity API Key",
      "password": true
    },
  ],
  "servers": {
    "github": { "type": "http", "url": "https://api.githubcopilot.com/mcp/" },
    "perplexity": {
      "type": "stdio",
      "command": "npx",
      "args": ["-y", "server-perplexity-ask"],
      "env": { "PERPLEXITY_API_KEY": "\${input:perplexity-key}" }, // stays a placeholder
    },
  },
}
`,
    imported: {
      github: { type: "http", url: "https://api.githubcopilot.com/mcp/" },
      perplexity: {
        command: "npx",
        args: ["-y", "server-perplexity-ask"],
        env: { PERPLEXITY_API_KEY: "${input:perplexity-key}" }
      }
    },
    adopted: { perplexity: ["npx", "-y", "server-perplexity-ask"] }
  },
  {
    host: "zed",
    file: ".config/zed/settings.json",
    from: "https://zed.dev/docs/ai/mcp",
    text: `// Zed settings
//
// For information on how to configure Zed, see the Zed
// documentation: https://zed.dev/docs/configuring-zed
{
  "theme": { "mode": "system", "light": "One Light", "dark": "One Dark" },
  "context_servers": {
    "local-mcp-server": {
      "command": "some-command",
      "args": ["arg-1", "arg-2"],
      "env": {},
    },
    "older": { "command": { "path": "some-command", "args": ["arg-1"], "env": null }, "settings": {} },
    "mcp-server-github": { "settings": { "github_personal_access_token": "secret" } },
    "remote-mcp-server": { "url": "custom", "headers": { "Authorization": "Bearer <token>" } },
  },
}
`,
    imported: {
      "local-mcp-server": { command: "some-command", args: ["arg-1", "arg-2"] },
      "older": { command: "some-command", args: ["arg-1"] },
      "remote-mcp-server": { type: "http", url: "custom", headers: { Authorization: "Bearer <token>" } }
    },
    unusable: ["mcp-server-github"],
    adopted: { "local-mcp-server": ["some-command", "arg-1", "arg-2"], "older": ["some-command", "arg-1"] }
  },
  {
    host: "codex",
    file: ".codex/config.toml",
    from: "https://developers.openai.com/codex/mcp and https://github.com/openai/codex/issues/45432",
    text: `# TOP COMMENT must survive
model = "gpt-5.6-luna"

# MCP SECTION COMMENT must survive
[mcp_servers.alpha]
command = "npx"                # inline comment A
args = ["-y", "alpha-server"]
startup_timeout_sec = 30
tool_timeout_sec = 120
enabled = false
future_unknown_key = "keep-me"

[mcp_servers.alpha.env]
ALPHA_KEY = "1"

[mcp_servers.alpha.tools.dangerous_tool]
approval_mode = "approve"

[mcp_servers.beta]
url = "https://example.com/mcp"
bearer_token_env_var = "BETA_TOKEN"

[mcp_servers.beta.env_http_headers]
X-Tenant = "TENANT_ENV"

[mcp_servers.gamma]
command = 'C:\\tools\\gamma.exe' # no args at all
env_vars = ["LOCAL_TOKEN"]

[mcp_servers]
delta = { command = "uvx", args = [
  "delta", # one
  "--fast",
] }
epsilon.command = "eps"
`,
    imported: {
      alpha: {
        command: "npx",
        args: ["-y", "alpha-server"],
        env: { ALPHA_KEY: "1" },
        disabled: true,
        timeout: 120_000,
        holdfast: { connectTimeout: 30_000 }
      },
      beta: {
        type: "http",
        url: "https://example.com/mcp",
        headers: { "X-Tenant": "${TENANT_ENV}", "Authorization": "Bearer ${BETA_TOKEN}" }
      },
      gamma: { command: "C:\\tools\\gamma.exe", env: { LOCAL_TOKEN: "${LOCAL_TOKEN}" } },
      delta: { command: "uvx", args: ["delta", "--fast"] },
      epsilon: { command: "eps" }
    },
    adopted: {
      alpha: ["npx", "-y", "alpha-server"],
      gamma: ["C:\\tools\\gamma.exe"],
      delta: ["uvx", "delta", "--fast"],
      epsilon: ["eps"]
    }
  },
  {
    host: "gemini",
    file: ".gemini/settings.json",
    from: "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
    text: `{
\t"theme": "Dracula",
\t"mcp": { "allowed": ["pythonTools"] },
\t"mcpServers": {
\t\t"pythonTools": {
\t\t\t"command": "python",
\t\t\t"args": ["-m", "my_mcp_server", "--port", "8080"],
\t\t\t"cwd": "/srv/mcp-servers/python",
\t\t\t"env": {
\t\t\t\t"DATABASE_URL": "$DB_CONNECTION_STRING",
\t\t\t\t"API_KEY": "\${EXTERNAL_API_KEY}"
\t\t\t},
\t\t\t"timeout": 15000
\t\t},
\t\t"sse": { "url": "http://localhost:8080/sse", "includeTools": ["safe_tool"], "trust": false },
\t\t"httpServer": { "httpUrl": "http://localhost:3000/mcp", "timeout": 5000, "excludeTools": ["drop"] }
\t}
}
`,
    imported: {
      pythonTools: {
        command: "python",
        args: ["-m", "my_mcp_server", "--port", "8080"],
        env: { DATABASE_URL: "${DB_CONNECTION_STRING}", API_KEY: "${EXTERNAL_API_KEY}" },
        cwd: "/srv/mcp-servers/python",
        timeout: 15_000
      },
      sse: { type: "sse", url: "http://localhost:8080/sse", enabledTools: ["safe_tool"] },
      httpServer: { type: "http", url: "http://localhost:3000/mcp", disabledTools: ["drop"], timeout: 5000 }
    },
    adopted: { pythonTools: ["python", "-m", "my_mcp_server", "--port", "8080"] }
  },
  {
    host: "windsurf",
    file: ".codeium/windsurf/mcp_config.json",
    from: "https://docs.windsurf.com/windsurf/cascade/mcp",
    text: `{
  "mcpServers": {
    "github": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-github"],
      "env": { "GITHUB_PERSONAL_ACCESS_TOKEN": "\${env:GITHUB_TOKEN}" }
    },
    "remote-http-mcp": {
      "serverUrl": "https://your-server-url/mcp",
      "headers": { "API_KEY": "Bearer \${env:AUTH_TOKEN}" }
    }
  }
}
`,
    imported: {
      "github": {
        command: "npx",
        args: ["-y", "@modelcontextprotocol/server-github"],
        env: { GITHUB_PERSONAL_ACCESS_TOKEN: "${env:GITHUB_TOKEN}" }
      },
      "remote-http-mcp": {
        type: "http",
        url: "https://your-server-url/mcp",
        headers: { API_KEY: "Bearer ${env:AUTH_TOKEN}" }
      }
    },
    adopted: { github: ["npx", "-y", "@modelcontextprotocol/server-github"] }
  },
  {
    host: "cline",
    file: ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    from: "https://docs.cline.bot/mcp/configuring-mcp-servers",
    text: `{
  "mcpServers": {
    "local-server": {
      "command": "node",
      "args": ["/path/to/server.js"],
      "env": { "API_KEY": "your_api_key" },
      "alwaysAllow": ["tool1", "tool2"],
      "disabled": false,
      "timeout": 60
    },
    "remote-server": { "url": "https://your-server-url.com/mcp", "headers": { "Authorization": "Bearer your-token" }, "disabled": true }
  }
}
`,
    imported: {
      "local-server": {
        command: "node",
        args: ["/path/to/server.js"],
        env: { API_KEY: "your_api_key" },
        timeout: 60_000
      },
      "remote-server": {
        type: "http",
        url: "https://your-server-url.com/mcp",
        headers: { Authorization: "Bearer your-token" },
        disabled: true
      }
    },
    adopted: { "local-server": ["node", "/path/to/server.js"] }
  },
  {
    host: "roo",
    file: ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
    from: "https://docs.roocode.com/features/mcp/using-mcp-in-roo",
    text: `{
  "mcpServers": {
    "server1": {
      "command": "python",
      "args": ["/path/to/server.py"],
      "env": { "API_KEY": "your_api_key" },
      "alwaysAllow": ["tool1", "tool2"],
      "disabled": false
    },
    "remote-server": { "type": "streamable-http", "url": "https://your-server-url.com/mcp", "disabledTools": ["drop"] }
  }
}
`,
    imported: {
      "server1": { command: "python", args: ["/path/to/server.py"], env: { API_KEY: "your_api_key" } },
      "remote-server": { type: "http", url: "https://your-server-url.com/mcp", disabledTools: ["drop"] }
    },
    adopted: { server1: ["python", "/path/to/server.py"] }
  },
  {
    host: "opencode",
    file: ".config/opencode/opencode.jsonc",
    from: "https://opencode.ai/docs/mcp-servers",
    text: `{
  "$schema": "https://opencode.ai/config.json",
  "mcp": {
    // Name of the MCP server
    "my-local-mcp-server": {
      "type": "local",
      "command": ["npx", "-y", "my-mcp-command"], /* with its arguments */
      "enabled": true,
      "environment": {
        "MY_ENV_VAR": "{env:MY_ENV_VAR}",
      },
    },
    "jira": { "enabled": true },
    "my-remote-mcp": { "type": "remote", "url": "https://my-mcp-server.com", "enabled": false },
  },
}
`,
    imported: {
      "my-local-mcp-server": {
        command: "npx",
        args: ["-y", "my-mcp-command"],
        env: { MY_ENV_VAR: "${MY_ENV_VAR}" }
      },
      "my-remote-mcp": { type: "http", url: "https://my-mcp-server.com", disabled: true }
    },
    unusable: ["jira"],
    adopted: { "my-local-mcp-server": ["npx", "-y", "my-mcp-command"] }
  },
  {
    host: "goose",
    file: ".config/goose/config.yaml",
    from:
      "https://block.github.io/goose/docs/guides/config-files and https://block.github.io/goose/docs/getting-started/using-extensions",
    text: `# Model Configuration
GOOSE_PROVIDER: "anthropic"
GOOSE_MODEL: "claude-4.5-sonnet"

# Extensions Configuration
extensions:
  developer:
    bundled: true
    enabled: true
    name: developer
    timeout: 300
    type: builtin

  github: # the one for work
    name: GitHub
    cmd: npx
    args: [-y, "@modelcontextprotocol/server-github"]
    enabled: true
    envs: { "LOG_LEVEL": "info" }
    env_keys:
      - GITHUB_PERSONAL_ACCESS_TOKEN
    type: stdio
    timeout: 300
  block:
    cmd: uvx   # from Astral
    args:
      - mcp-server-fetch
      # the next one is needed
      - --ignore-robots-txt
    enabled: false
    type: stdio
  bare:
    cmd: some-server
    type: stdio
    enabled: true
  remote:
    type: streamable_http
    uri: http://localhost:8000/messages
    enabled: true
`,
    imported: {
      github: {
        command: "npx",
        args: ["-y", "@modelcontextprotocol/server-github"],
        env: { GITHUB_PERSONAL_ACCESS_TOKEN: "${GITHUB_PERSONAL_ACCESS_TOKEN}", LOG_LEVEL: "info" },
        timeout: 300_000
      },
      block: { command: "uvx", args: ["mcp-server-fetch", "--ignore-robots-txt"], disabled: true },
      bare: { command: "some-server" },
      remote: { type: "http", url: "http://localhost:8000/messages" }
    },
    unusable: ["developer"],
    adopted: {
      github: ["npx", "-y", "@modelcontextprotocol/server-github"],
      block: ["uvx", "mcp-server-fetch", "--ignore-robots-txt"],
      bare: ["some-server"]
    }
  }
]
