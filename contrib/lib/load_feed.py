#!/usr/bin/env python3
"""load_feed.py - put the events of a MISP feed (folder or URL) into a node by its REST interface.

Only what the node does not have, or has older, is sent. Needs nothing but Python.
"""
import argparse
import json
import os
import sys
import urllib.error
import urllib.request


def read(source, name):
    if source.startswith(('http://', 'https://')):
        with urllib.request.urlopen(f'{source.rstrip("/")}/{name}', timeout=60) as r:
            return r.read()
    with open(os.path.join(source, name), 'rb') as f:
        return f.read()


def call(args, method, path, body=None):
    """(status, document) of one request."""
    request = urllib.request.Request(args.url.rstrip('/') + path, data=body, method=method, headers={
        'Authorization': args.key, 'Accept': 'application/json',
        'Content-Type': 'application/json'})
    try:
        with urllib.request.urlopen(request, timeout=300) as r:
            return r.status, json.load(r)
    except urllib.error.HTTPError as e:
        try:
            return e.code, json.load(e)
        except ValueError:
            return e.code, {}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--url', required=True)
    p.add_argument('--key', required=True)
    p.add_argument('feed')
    args = p.parse_args()
    manifest = json.loads(read(args.feed, 'manifest.json'))
    done = same = failed = 0
    for n, (uuid, row) in enumerate(manifest.items(), 1):
        status, known = call(args, 'GET', f'/events/view/{uuid}')
        if status == 200 and int(known['Event']['timestamp']) >= int(row['timestamp']):
            same += 1
            continue
        path = f'/events/edit/{uuid}' if status == 200 else '/events/add'
        status, answer = call(args, 'POST', path, read(args.feed, f'{uuid}.json'))
        if status == 200:
            done += 1
        else:
            failed += 1
            print(f'   {uuid}: {status} {answer.get("message", "")}', file=sys.stderr)
        if sys.stderr.isatty():
            print(f'\r   {n} of {len(manifest)}', end='', file=sys.stderr)
    if sys.stderr.isatty():
        print('\r', end='', file=sys.stderr)
    print(f'   {done} events taken in, {same} were there, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
