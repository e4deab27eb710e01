/* docs.js - shows openapi.json to people. No library; text only ever becomes text. */
'use strict';

const $ = (id) => document.getElementById(id);
const METHODS = ['get', 'post', 'put', 'delete'];
const SAMPLES = {id: '1', event: '1', user: 'me', type: 'Note', object_type: 'Event'};
let doc;

function make(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(attributes || {}))
		e.setAttribute(k, v);
	e.append(...children.filter((c) => c !== null && c !== undefined));
	return e;
}

/* ---- shapes ---- */

const TOKEN = /'[^']*'|[@&$!]?[A-Za-z_][\w.-]*|[{}[\],:|?*+]/g;
const INLINE = 60; /* objects up to this length stay on one line */

/* Does the object that begins at this token fit on a line? */
function short(tokens, at) {
	let depth = 0, length = 0;
	for (let i = at; i < tokens.length && length < INLINE; i++) {
		length += tokens[i].length + 1;
		depth += tokens[i] === '{' ? 1 : tokens[i] === '}' ? -1 : 0;
		if (!depth)
			return true;
	}
	return false;
}

/* The text of a shape on lines of its own, names of other shapes as buttons. */
function formatted(text) {
	const out = [], stack = [], tokens = text.match(TOKEN) || [];
	const line = () => '\n' + '  '.repeat(stack.filter((inline) => !inline).length);
	tokens.forEach((t, i) => {
		if (t === '{') {
			stack.push(short(tokens, i) || stack[stack.length - 1] === true);
			out.push(t + (stack[stack.length - 1] ? '' : line()));
		} else if (t === '}') {
			const inline = stack.pop();
			out.push((inline ? '' : line()) + t);
		} else if (t === ',') {
			out.push(t + (stack.length && !stack[stack.length - 1] ? line() : ' '));
		} else if (t === ':' || t === '|') {
			out.push(t === ':' ? ': ' : ' | ');
		} else if (doc.components.schemas[t] && tokens[i + 1] !== ':' && tokens[i + 1] + tokens[i + 2] !== '?:') {
			const b = make('button', {type: 'button'}, t);
			b.addEventListener('click', () => show(t));
			out.push(b);
		} else {
			out.push(t);
		}
	});
	return out;
}

function show(name) {
	const s = doc.components.schemas[name], d = $('shape');
	d.querySelector('h2').textContent = name;
	d.querySelector('p').textContent = s.description;
	const members = Object.keys(s.properties || {});
	d.querySelector('pre').replaceChildren(...formatted(s['x-text']));
	if (/[@&$]\w/.test(s['x-text'].replace(/'[^']*'/g, '')))
		d.querySelector('pre').append('\n\nMembers: ' + members.join(', '));
	if (!d.open)
		d.showModal();
}

function shapeOf(content) {
	const media = Object.keys(content || {});
	if (!media.length)
		return null;
	const name = (content[media[0]].schema.$ref || '').split('/').pop();
	return {name, media, schema: doc.components.schemas[name]};
}

function shapeBlock(title, content) {
	const s = shapeOf(content);
	if (!s || !s.schema)
		return [];
	const more = s.media.filter((m) => m !== 'application/json');
	return [make('h3', {}, title), make('p', {}, s.schema.description + (more.length ? ' (' + s.media.join(', ') + ')' : '')),
		make('pre', {}, ...(s.schema['x-text'].length > 1400 ? formatted(s.name) : formatted(s.schema['x-text'])))];
}

/* ---- one endpoint ---- */

function curl(path, method, op) {
	const url = location.origin + path.replace(/\{(\w+)\}/g, (_, n) => SAMPLES[n] || n.toUpperCase());
	const parts = ['curl'];
	if (method !== 'get' && method !== 'post')
		parts.push('-X ' + method.toUpperCase());
	if (!op.security)
		parts.push('-H "Authorization: $KEY"');
	parts.push("-H 'Accept: application/json'");
	if (method === 'post' || method === 'put') {
		const s = shapeOf((op.requestBody || {}).content);
		const example = s && s.schema.examples ? s.schema.examples[0] : {};
		parts.push("-H 'Content-Type: application/json'");
		parts.push("-d '" + JSON.stringify(example).replace(/'/g, "'\\''") + "'");
	}
	parts.push("'" + url + "'");
	return parts.join(' ');
}

function fill(body, path, row) {
	const [method, op] = row.ops.find(([m]) => m === (row.ops.some(([, o]) => o.requestBody) ? 'post' : row.ops[0][0])) || row.ops[0];
	body.append(make('p', {}, op.description));
	if (op['x-missing'])
		body.append(make('p', {class: 'missing'}, 'Not like MISP: ' + op['x-missing']));
	const here = op.parameters.filter((p) => p.in === 'path');
	if (here.length) {
		body.append(make('h3', {}, 'In the path'));
		body.append(make('table', {}, ...here.map((p) => make('tr', {}, make('td', {}, p.name), make('td', {}, p.description || '')))));
	}
	const asked = row.ops.map(([, o]) => o.parameters.filter((p) => p.in === 'query')).find((q) => q.length);
	if (!asked)
		body.append(...shapeBlock('Takes', (row.ops.map(([, o]) => o.requestBody).find(Boolean) || {}).content));
	if (asked) {
		body.append(make('h3', {}, 'Parameters, in the body, the query or the path'));
		body.append(make('table', {}, ...asked.map((p) => make('tr', {}, make('td', {}, p.name),
			make('td', {}, (p.schema || {}).description || '')))));
	}
	body.append(...shapeBlock('Answers', (op.responses['200'] || {}).content));
	const text = curl(path, method, op), copy = make('button', {type: 'button', class: 'copy'}, 'Copy');
	copy.addEventListener('click', () => navigator.clipboard.writeText(text).then(() => { copy.textContent = 'Copied'; }));
	body.append(make('h3', {}, 'For example'), make('pre', {}, copy, text));
	const codes = Object.keys(op.responses).filter((c) => c !== '200' && c !== '304');
	body.append(make('h3', {}, 'Refusals'), make('table', {}, ...codes.map((c) => make('tr', {}, make('td', {}, c),
		make('td', {}, doc.components.responses[c].description.replace(/`/g, ''))))));
}

function entry(path, row) {
	const op = row.ops[0][1], shown = make('span', {class: 'path'});
	for (const part of path.split(/(\{\w+\})/))
		shown.append(part.startsWith('{') ? make('b', {}, part) : part);
	const perms = op.security ? 'no key' : op['x-permissions'].join(' ');
	const e = make('details', {id: op.operationId.replace(/_[a-z]+$/, '')},
		make('summary', {}, ...row.ops.map(([m]) => make('span', {class: 'method ' + m}, m.toUpperCase())), shown,
			make('span', {class: 'does'}, op.summary), op['x-state'] === 'partial' ? make('span', {class: 'tag'}, 'partial') : null));
	e.words = (path + ' ' + op.summary + ' ' + perms + ' ' + (op['x-missing'] || '')).toLowerCase();
	e.addEventListener('toggle', () => {
		if (e.open && e.children.length === 1) {
			const body = make('div', {class: 'body'});
			fill(body, path, row);
			e.append(body);
		}
	});
	return e;
}

/* ---- the list ---- */

function rowsOf(item) {
	const rows = new Map();
	for (const m of METHODS) {
		const op = item[m];
		if (!op)
			continue;
		const key = op.operationId.slice(0, -m.length);
		if (!rows.has(key))
			rows.set(key, {ops: []});
		rows.get(key).ops.push([m, op]);
	}
	return [...rows.values()];
}

function build() {
	const groups = new Map();
	for (const [path, item] of Object.entries(doc.paths)) {
		for (const row of rowsOf(item)) {
			const noun = row.ops[0][1].tags[0];
			if (!groups.has(noun))
				groups.set(noun, []);
			groups.get(noun).push(entry(path, row));
		}
	}
	const ours = (n) => n.startsWith('tocsin') || n === 'node' ? 1 : 0;
	const names = [...groups.keys()].sort((a, b) => ours(a) - ours(b) || a.localeCompare(b));
	for (const noun of names) {
		const id = 'g-' + noun.replace(/\W/g, '-');
		$('nouns').append(make('a', {href: '#' + id}, noun, make('span', {}, String(groups.get(noun).length))));
		$('list').append(make('section', {id}, make('h2', {}, noun), ...groups.get(noun)));
	}
	$('about').textContent = doc.info.description.replace(/`/g, '');
	$('version').textContent = doc.info.version;
}

function filter() {
	const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
	let shown = 0;
	for (const section of document.querySelectorAll('section')) {
		let here = 0;
		for (const e of section.querySelectorAll('details')) {
			e.hidden = !words.every((w) => e.words.includes(w));
			here += !e.hidden;
		}
		section.hidden = !here;
		shown += here;
	}
	$('count').textContent = shown + (shown === 1 ? ' call' : ' calls');
}

function open() {
	const e = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
	if (e && e.tagName === 'DETAILS')
		e.open = true;
	if (e)
		e.scrollIntoView();
}

fetch('openapi.json').then((r) => r.json()).then((d) => {
	doc = d;
	build();
	$('search').value = new URLSearchParams(location.search).get('q') || '';
	filter();
	open();
	$('search').addEventListener('input', filter);
	addEventListener('hashchange', open);
}).catch((e) => { $('about').textContent = 'The description cannot be read: ' + e.message; });
