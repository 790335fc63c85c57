BEGIN TRANSACTION;
CREATE TABLE authprobe_facts (
	digest VARCHAR(32) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "authprobe_facts" VALUES('fc8a5b85eb81aed0df43508187d061c8','{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
INSERT INTO "authprobe_facts" VALUES('7d821a7dae90f9e9f737c58ce2c76dd8','{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 200"]}');
INSERT INTO "authprobe_facts" VALUES('b0079b20193609082a54d8d8561736b6','{"outcome": "timed-out", "status": 401, "error_type": "authentication_error", "message": null, "exit_code": null, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 401"]}');
INSERT INTO "authprobe_facts" VALUES('cafe0ea848ad2bff9bb759b0911becc4','{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token-2 in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
INSERT INTO "authprobe_facts" VALUES('7e20292a3eb375cc9e09d01160d5b0e1','{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 401", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
CREATE TABLE authprobe_results (
	case_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	client_version TEXT, 
	digest VARCHAR(32) NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (case_id, seq)
);
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.112/default/expired',1,'passed','2.1.112','fc8a5b85eb81aed0df43508187d061c8','2026-11-27 22:04:53.000000');
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.112/default/fresh',1,'passed','2.1.112','7d821a7dae90f9e9f737c58ce2c76dd8','2026-11-27 22:04:53.000000');
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.112/default/revoked',1,'passed','2.1.112','b0079b20193609082a54d8d8561736b6','2026-11-27 22:04:53.000000');
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.332/default/expired',2,'passed','2.1.332','cafe0ea848ad2bff9bb759b0911becc4','2026-11-27 22:05:07.000000');
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.332/default/fresh',2,'passed','2.1.332','7d821a7dae90f9e9f737c58ce2c76dd8','2026-11-27 22:05:07.000000');
INSERT INTO "authprobe_results" VALUES('pinned/claude-code@2.1.332/default/revoked',2,'failed','2.1.332','7e20292a3eb375cc9e09d01160d5b0e1','2026-11-27 22:05:07.000000');
CREATE TABLE authprobe_runs (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(32) NOT NULL, 
	started_at DATETIME NOT NULL, 
	elapsed FLOAT NOT NULL, 
	tool VARCHAR(60) NOT NULL, 
	partial BOOLEAN NOT NULL, 
	cases INTEGER NOT NULL, 
	failed INTEGER NOT NULL
);
INSERT INTO "authprobe_runs" VALUES(1,'24265e35b32b47809400ed1fb2bcf266','2026-11-27 22:04:53.000000',12.757,'0.1.0',0,3,0);
INSERT INTO "authprobe_runs" VALUES(2,'fc2e22f5927f48d885a7cc4e21416c67','2026-11-27 22:05:07.000000',3.972,'0.1.0',0,3,1);
CREATE TABLE authprobe_schema (
	version INTEGER NOT NULL
);
INSERT INTO "authprobe_schema" VALUES(1);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('authprobe_runs',2);
COMMIT;
