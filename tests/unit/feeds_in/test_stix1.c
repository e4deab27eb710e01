/*
 * test_stix1.c - STIX 1 packages as MISP events: observables, indicators, compositions, what MISP itself wrote,
 * references, and what is no such document.
 */
#include "feeds/in/stix1.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	(void)f;
	buf_add(user, p, n);
	return ERR_OK;
}

static enum err convert(struct str doc, size_t step, struct buf *out, struct fail *f)
{
	OWN(stix1_in) struct stix1_in *s = stix1_in_new(&(struct stix_in_opts){0});
	if (!s)
		bail_out("no reader");
	for (size_t i = 0; i < doc.n; i += step)
		TRY(stix1_in_feed(s, doc.p + i, MIN(step, doc.n - i), f));
	return stix1_in_end(s, keep, out, f);
}

#define U(n) "1111111" #n "-0000-4000-8000-000000000001"
#define STIX_PACKAGE(title, body)                                                                        \
	"<stix:STIX_Package xmlns:stix=\"http://stix.mitre.org/stix-1\" xmlns:xsi=\"urn:xsi\" " \
	"id=\"a:Package-" U(1) "\" " \
	"version=\"1.1.1\"><stix:STIX_Header><stix:Title>" title "</stix:Title></stix:STIX_Header>" body   \
	"</stix:STIX_Package>"
#define MISP(body)                                                                                  \
	STIX_PACKAGE("Export from X's MISP", "<stix:Incidents><stix:Incident id=\"a:Incident-" U(2) "\">"     \
		"<incident:Title>Info</incident:Title>" body "</stix:Incident></stix:Incidents>")
#define DOC(body) STIX_PACKAGE("Foreign", body)
#define OBS(type, attrs, props)                                                                     \
	"<cybox:Observable id=\"a:Observable-" U(3) "\"><cybox:Object id=\"a:O-" U(3) "\"><cybox:Properties " \
	"xsi:type=\"X:" type "\" " attrs ">" props "</cybox:Properties></cybox:Object></cybox:Observable>"
#define SEEN(type, attrs, props) DOC("<stix:Observables>" OBS(type, attrs, props) "</stix:Observables>")
#define IND(title, body)                                                                            \
	"<stix:Indicators><stix:Indicator id=\"a:Indicator-" U(4) "\"><i:Title>" title "</i:Title>" body      \
	"</stix:Indicator></stix:Indicators>"
#define H "d41d8cd98f00b204e9800998ecf8427e"
#define HASH(name, v)                                                                               \
	"<F:Hashes><c:Hash><c:Type>" name "</c:Type><c:Simple_Hash_Value>" v \
	"</c:Simple_Hash_Value></c:Hash></F:Hashes>"

static const struct {
	const char *what, *doc, *want;
} cases[] = {
	{"an address", SEEN("AddressObjectType", "category=\"ipv4-addr\"",
			    "<A:Address_Value>1.2.3.4</A:Address_Value>"),
	 "ip-dst=1.2.3.4 0;"},
	{"where it comes from", SEEN("AddressObjectType", "category=\"ipv4-addr\" is_source=\"true\"",
				     "<A:Address_Value>1.2.3.4</A:Address_Value>"), "ip-src=1.2.3.4 0;"},
	{"several values", SEEN("AddressObjectType", "category=\"ipv4-addr\"",
				"<A:Address_Value>1.2.3.4##comma##1.2.3.5</A:Address_Value>"),
	 "ip-dst=1.2.3.4 0;ip-dst=1.2.3.5 0;"},
	{"an address of mail", SEEN("AddressObjectType", "category=\"e-mail\"",
				    "<A:Address_Value>a@b.example</A:Address_Value>"), "email=a@b.example 0;"},
	{"a domain", SEEN("DomainNameObjectType", "", "<D:Value>a.example</D:Value>"), "domain=a.example 0;"},
	{"a domain as URI", SEEN("URIObjectType", "type=\"Domain Name\"", "<D:Value>a.example</D:Value>"),
	 "domain=a.example 0;"},
	{"a URL", SEEN("URIObjectType", "type=\"URL\"", "<D:Value>http://a.example/x?a=1&amp;b</D:Value>"),
	 "url=http://a.example/x?a=1&b 0;"},
	{"a hash", SEEN("FileObjectType", "", HASH("MD5", H)), "md5=" H " 0;"},
	{"a hash without a name", SEEN("FileObjectType", "", HASH("", H)), "md5=" H " 0;"},
	{"a file and its hash", SEEN("FileObjectType", "", "<F:File_Name>x.exe</F:File_Name>" HASH("MD5", H)),
	 "filename|md5=x.exe|" H " 0;"},
	{"three of a file", SEEN("FileObjectType", "", "<F:File_Name>x.exe</F:File_Name>"
				 "<F:Size_In_Bytes>3</F:Size_In_Bytes>"
				 HASH("MD5", H)),
	 "file{filename:filename=x.exe;size-in-bytes:size-in-bytes=3;md5:md5=" H ";}"},
	{"a socket", SEEN("SocketAddressObjectType", "", "<S:IP_Address category=\"ipv4-addr\"><A:Address_Value>1.2.3.4"
			  "</A:Address_Value></S:IP_Address><S:Port><P:Port_Value>80</P:Port_Value></S:Port>"),
	 "ip-dst|port=1.2.3.4|80 0;"},
	{"a registry key", SEEN("WindowsRegistryKeyObjectType", "", "<R:Key>HKLM\\x</R:Key>"), "regkey=HKLM\\x 0;"},
	{"a registry value", SEEN("WindowsRegistryKeyObjectType", "", "<R:Key>HKLM\\x</R:Key><R:Values><R:Value>"
				  "<R:Data>1</R:Data></R:Value></R:Values>"), "regkey|value=HKLM\\x|1 0;"},
	{"a mail", SEEN("EmailMessageObjectType", "", "<E:Header><E:From><A:Address_Value>a@b.example</A:Address_Value>"
			"</E:From></E:Header>"), "email-src=a@b.example 0;"},
	{"a custom property", SEEN("CustomObjectType", "", "<c:Custom_Properties><c:Property name=\"btc\">"
				   "1BoatSLRHtKNngkdXEeobR76b53LETtpyT</c:Property></c:Custom_Properties>"),
	 "btc=1BoatSLRHtKNngkdXEeobR76b53LETtpyT 0;"},
	{"a custom object", SEEN("CustomObjectType", "custom_name=\"thing\"",
				 "<c:Custom_Properties><c:Property name=\"a\">"
				 "v</c:Property></c:Custom_Properties>"), "thing{a:text=v;}"},
	{"what does not fit", SEEN("DomainNameObjectType", "", "<D:Value>no domain</D:Value>"), "text=no domain 0;"},
	{"an indicator", DOC(IND("T", OBS("DomainNameObjectType", "", "<D:Value>a.example</D:Value>"))),
	 "domain=a.example 1;"},
	{"a part of a value", DOC(IND("T", OBS("DomainNameObjectType", "",
					      "<D:Value condition=\"Contains\">a.example</D:Value>"))),
	 "domain=a.example 0;"},
	{"what is not there", DOC("<stix:Indicators><stix:Indicator negate=\"true\" id=\"a:I-" U(4) "\">"
				  OBS("DomainNameObjectType", "", "<D:Value>a.example</D:Value>")
				  "</stix:Indicator></stix:Indicators>"), "domain=a.example 0;"},
	{"one of several", DOC(IND("T", "<cybox:Observable><cybox:Observable_Composition operator=\"OR\">"
				   OBS("DomainNameObjectType", "", "<D:Value>a.example</D:Value>")
				   OBS("MutexObjectType", "", "<M:Name>m</M:Name>")
				   "</cybox:Observable_Composition></cybox:Observable>")),
	 "domain=a.example 1;mutex=m 1;"},
	{"all of several", DOC(IND("T", "<cybox:Observable><cybox:Observable_Composition operator=\"AND\">"
				   OBS("DomainNameObjectType", "", "<D:Value>a.example</D:Value>")
				   OBS("MutexObjectType", "", "<M:Name>m</M:Name>")
				   "</cybox:Observable_Composition></cybox:Observable>")),
	 "domain=a.example 0;mutex=m 0;"},
	{"by reference", DOC("<stix:Observables>" OBS("DomainNameObjectType", "", "<D:Value>a.example</D:Value>")
			     "</stix:Observables>" IND("T", "<i:Observable idref=\"a:Observable-" U(3) "\"/>")),
	 "domain=a.example 1;"},
	{"a reference to itself", DOC(IND("T", "<i:Composite_Indicator_Expression operator=\"OR\"><i:Indicator idref=\""
					  "a:Indicator-" U(4) "\"/><i:Indicator idref=\"a:Indicator-" U(4) "\"/>"
					  "</i:Composite_Indicator_Expression>")), ""},
	{"a rule", DOC(IND("T", "<i:Test_Mechanisms><i:Test_Mechanism xsi:type=\"y:YaraTestMechanismType\"><y:Rule>"
			   "<![CDATA[rule a { condition: true }]]></y:Rule></i:Test_Mechanism></i:Test_Mechanisms>")),
	 "yara=rule a { condition: true } 1;"},
	{"a weak point", DOC("<stix:TTPs><stix:TTP id=\"a:TTP-" U(5) "\"><t:Exploit_Targets><t:Exploit_Target>"
			     "<s:Exploit_Target><e:Vulnerability><e:CVE_ID>CVE-2020-1234</e:CVE_ID></e:Vulnerability>"
			     "</s:Exploit_Target></t:Exploit_Target></t:Exploit_Targets></stix:TTP></stix:TTPs>"),
	 "vulnerability=CVE-2020-1234 0;"},
	{"MISP's journal", MISP("<incident:History><incident:History_Item>"
				"<incident:Journal_Entry>Attribute (Other - text)"
				": a: b</incident:Journal_Entry></incident:History_Item></incident:History>"),
	 "text=a: b 0;"},
	{"MISP's victims", MISP("<incident:Victim><s:Specification><x:PartyName><n:NameLine>External target: bank"
				"</n:NameLine></x:PartyName></s:Specification></incident:Victim>"),
	 "target-external=bank 0;"},
	{"MISP's markings", MISP("<incident:Handling><m:Marking><m:Marking_Structure color=\"AMBER\"/>"
				 "<m:Marking_Structure><sm:Statement>tlp:amber+strict</sm:Statement>"
				 "</m:Marking_Structure>"
				 "</m:Marking></incident:Handling>"), "#tlp:amber+strict;"},
	{"a marking of others", DOC("<stix:Observables>" OBS("MutexObjectType", "", "<M:Name>m</M:Name>")
				    "</stix:Observables>"), "mutex=m 0;"},
};

static void rows(struct buf *b, const json_t *e)
{
	const json_t *v, *w;
	size_t i, j;
	json_array_foreach(json_object_get(e, "Tag"), i, v)
		buf_printf(b, "#%s;", json_string_value(json_object_get(v, "name")));
	json_array_foreach(json_object_get(e, "Attribute"), i, v)
		buf_printf(b, "%s=%s %d;", json_string_value(json_object_get(v, "type")),
			   json_string_value(json_object_get(v, "value")), json_is_true(json_object_get(v, "to_ids")));
	json_array_foreach(json_object_get(e, "Object"), i, v) {
		buf_printf(b, "%s{", json_string_value(json_object_get(v, "name")));
		json_array_foreach(json_object_get(v, "Attribute"), j, w)
			buf_printf(b, "%s:%s=%s;", json_string_value(json_object_get(w, "object_relation")),
				   json_string_value(json_object_get(w, "type")),
				   json_string_value(json_object_get(w, "value")));
		buf_printf(b, "}");
	}
}

static void check(const char *what, const char *doc, const char *want)
{
	OWN(buf) struct buf out = BUF(1 << 20), cut = BUF(1 << 20), got = BUF(1 << 20);
	struct fail f = {0};
	enum err e = convert(str_c(doc), strlen(doc), &out, &f);
	if (!ok(e == ERR_OK, "%s is read", what)) {
		diag("%s", f.text);
		return;
	}
	ok(convert(str_c(doc), 3, &cut, &f) == ERR_OK && str_eq(buf_str(&out), buf_str(&cut)), "%s: the same in pieces",
	   what);
	json_t *j = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
	rows(&got, json_object_get(json_array_get(j, 0), "Event"));
	is_str(buf_cstr(&got), want, "%s", what);
	json_decref(j);
}

static const struct {
	const char *what, *doc;
	enum err want;
} refused[] = {
	{"no XML", "hello", ERR_PARSE},
	{"another document", "<ioc/>", ERR_PARSE},
	{"half of one", "<stix:STIX_Package><a>", ERR_PARSE},
	{"a bomb",
	 "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><STIX_Package>&b;</STIX_Package>",
	 ERR_PARSE},
	{"a file from outside",
	 "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><STIX_Package>&x;</STIX_Package>", ERR_PARSE},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].what, cases[i].doc, cases[i].want);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		OWN(buf) struct buf out = BUF(1 << 20);
		struct fail f = {0};
		is_err(convert(str_c(refused[i].doc), 7, &out, &f), refused[i].want, "%s", refused[i].what);
		ok(f.line || !strchr(refused[i].doc, '<') || strcmp(refused[i].doc, "<ioc/>") == 0,
		   "%s: with its place",
		   refused[i].what);
	}
	return done_testing();
}
