SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'SQL_ASCII';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.authprobe_facts (
    digest character varying(32) NOT NULL,
    text text NOT NULL
);
CREATE TABLE public.authprobe_results (
    case_id text NOT NULL,
    seq bigint NOT NULL,
    status character varying(20) NOT NULL,
    client_version text,
    digest character varying(32) NOT NULL,
    since timestamp without time zone NOT NULL
);
CREATE TABLE public.authprobe_runs (
    seq bigint NOT NULL,
    id character varying(32) NOT NULL,
    started_at timestamp without time zone NOT NULL,
    elapsed double precision NOT NULL,
    tool character varying(60) NOT NULL,
    partial boolean NOT NULL,
    cases integer NOT NULL,
    failed integer NOT NULL
);
CREATE SEQUENCE public.authprobe_runs_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.authprobe_runs_seq_seq OWNED BY public.authprobe_runs.seq;
CREATE TABLE public.authprobe_schema (
    version integer NOT NULL
);
ALTER TABLE ONLY public.authprobe_runs ALTER COLUMN seq SET DEFAULT nextval('public.authprobe_runs_seq_seq'::regclass);
INSERT INTO public.authprobe_facts VALUES ('fc8a5b85eb81aed0df43508187d061c8', '{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
INSERT INTO public.authprobe_facts VALUES ('7d821a7dae90f9e9f737c58ce2c76dd8', '{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 200"]}');
INSERT INTO public.authprobe_facts VALUES ('b0079b20193609082a54d8d8561736b6', '{"outcome": "timed-out", "status": 401, "error_type": "authentication_error", "message": null, "exit_code": null, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 401"]}');
INSERT INTO public.authprobe_facts VALUES ('cafe0ea848ad2bff9bb759b0911becc4', '{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token-2 in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
INSERT INTO public.authprobe_facts VALUES ('7e20292a3eb375cc9e09d01160d5b0e1', '{"outcome": "accepted", "status": 200, "error_type": null, "message": "pong", "exit_code": 0, "sessions": [], "requests": ["GET api.anthropic.com/v1/mcp_servers, access-token in authorization, status 404", "POST api.anthropic.com/v1/messages, access-token in authorization, status 401", "POST api.anthropic.com/v1/messages, access-token-2 in authorization, status 200", "POST platform.claude.com/v1/oauth/token, refresh-token in body, status 200"]}');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.112/default/expired', 1, 'passed', '2.1.112', 'fc8a5b85eb81aed0df43508187d061c8', '2026-11-27 22:04:53');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.112/default/fresh', 1, 'passed', '2.1.112', '7d821a7dae90f9e9f737c58ce2c76dd8', '2026-11-27 22:04:53');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.112/default/revoked', 1, 'passed', '2.1.112', 'b0079b20193609082a54d8d8561736b6', '2026-11-27 22:04:53');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.332/default/expired', 2, 'passed', '2.1.332', 'cafe0ea848ad2bff9bb759b0911becc4', '2026-11-27 22:05:07');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.332/default/fresh', 2, 'passed', '2.1.332', '7d821a7dae90f9e9f737c58ce2c76dd8', '2026-11-27 22:05:07');
INSERT INTO public.authprobe_results VALUES ('pinned/claude-code@2.1.332/default/revoked', 2, 'failed', '2.1.332', '7e20292a3eb375cc9e09d01160d5b0e1', '2026-11-27 22:05:07');
INSERT INTO public.authprobe_runs VALUES (1, '24265e35b32b47809400ed1fb2bcf266', '2026-11-27 22:04:53', 12.757, '0.1.0', false, 3, 0);
INSERT INTO public.authprobe_runs VALUES (2, 'fc2e22f5927f48d885a7cc4e21416c67', '2026-11-27 22:05:07', 3.972, '0.1.0', false, 3, 1);
INSERT INTO public.authprobe_schema VALUES (1);
SELECT pg_catalog.setval('public.authprobe_runs_seq_seq', 2, true);
ALTER TABLE ONLY public.authprobe_facts
    ADD CONSTRAINT authprobe_facts_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.authprobe_results
    ADD CONSTRAINT authprobe_results_pkey PRIMARY KEY (case_id, seq);
ALTER TABLE ONLY public.authprobe_runs
    ADD CONSTRAINT authprobe_runs_pkey PRIMARY KEY (seq);
