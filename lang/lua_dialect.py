"""What gopher-lua's library does otherwise than the C library's: written in Lua, put in front.

Owns how numbers become text (`..`, `tostring`, `string.format`, `table.concat`): whole ones with
all their digits, others as Go prints them. The operator `..` cannot be redefined for numbers, so
it is written as `.. joint ..`, where `joint` is a table with a `__concat`. Caller: `lua_worker`.
"""

from __future__ import annotations

import re

_MENTIONS = re.compile(r"\.\.|tostring|format|concat|upper|lower|tonumber|huge|print")
_TOKEN = re.compile(
    r"""
    --\[(?P<c>=*)\[.*?(?:\](?P=c)\]|\Z)       # comments
    | --[^\n]*
    | \[(?P<s>=*)\[.*?(?:\](?P=s)\]|\Z)       # strings
    | "(?:[^"\\\n]|\\.)*"?
    | '(?:[^'\\\n]|\\.)*'?
    | \.?\d[\d.]*(?:[eE][+-]?)?\w*            # numbers
    | [A-Za-z_]\w*
    | \.\.\.
    | (?P<join>\.\.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_JOINT = "_headrace_joint"
HEAD = f"local {_JOINT} = {_JOINT} _G.{_JOINT} = nil "


def needed(script: str) -> bool:
    """Whether a script uses anything that differs."""
    return _MENTIONS.search(script) is not None


def with_joints(script: str) -> str:
    """The script with each `..` going through the joint, on the same lines."""
    if "__concat" in script:  # its own operator must see its own operands
        return script
    return _TOKEN.sub(lambda m: f" ..{_JOINT}.. " if m["join"] else m.group(), script)


DIALECT = r"""
return function(upper, lower)
  local type, error, select = type, error, select
  local match, gsub, find, rep = string.match, string.gsub, string.find, string.rep
  local floor, native = math.floor, {
    tostring = tostring, tonumber = tonumber, format = string.format,
    concat = table.concat, upper = string.upper, lower = string.lower,
  }

  local function float(v)
    if v ~= v then return "NaN" end
    if v == 1/0 then return "+Inf" elseif v == -1/0 then return "-Inf" end
    local shown
    for digits = 14, 16 do
      shown = native.format("%." .. digits .. "e", v)
      if native.tonumber(shown) == v then break end
    end
    local sign, first, rest, power = match(shown, "^(-?)(%d)%.(%d-)0*e([+-]%d+)$")
    power = native.tonumber(power)
    if power < -4 or power >= 6 then
      if rest ~= "" then rest = "." .. rest end
      local mark = power < 0 and "-" or "+"
      local size = native.format("%02d", power < 0 and -power or power)
      return sign .. first .. rest .. "e" .. mark .. size
    end
    if power < 0 then return sign .. "0." .. rep("0", -power - 1) .. first .. rest end
    local all = first .. rest
    if #all <= power + 1 then return sign .. all .. rep("0", power + 1 - #all) end
    return sign .. all:sub(1, power + 1) .. "." .. all:sub(power + 2)
  end

  local function text(v)
    if v == 0 then return "0" end
    if v == floor(v) and v >= -2^63 and v < 2^63 then return native.format("%.0f", v) end
    return float(v)
  end

  function tostring(...)
    if type((...)) == "number" then return text((...)) end
    return native.tostring(...)
  end

  function tonumber(...)
    local v, base = ...
    if type(v) ~= "string" or base ~= nil then return native.tonumber(...) end
    v = match(v, "^[ \n\t]*(.-)[ \n\t]*$")
    local whole = match(v, "^[+-]?%d+$") or match(v, "^0[xX]%x+$")
    if not whole and not find(v, ".", 1, true) then return nil end
    local number = native.tonumber(v)
    if whole and number and (number >= 2^63 or number < -2^63) then return nil end
    return number
  end

  local function padded(flags, width, shown)
    local size = select(2, gsub(shown, "[^\128-\191]", ""))
    local blanks = rep(" ", (native.tonumber(width) or 0) - size)
    return find(flags, "-", 1, true) and shown .. blanks or blanks .. shown
  end

  function string.format(pattern, ...)
    if type(pattern) ~= "string" then return native.format(pattern, ...) end
    local values, count, at = {...}, select("#", ...), 0
    return (gsub(pattern, "%%([-+ #0]*)(%d*)(%.?%d*)(.)", function(flags, width, precision, verb)
      if verb == "%" then return "%" end
      at = at + 1
      if at > count then return "%!" .. verb .. "(MISSING)" end
      local v = values[at]
      if verb == "s" then
        v = tostring(v)
        if precision ~= "" then v = native.format("%" .. precision .. "s", v) end
        return padded(flags, width, v)
      elseif type(v) == "number" and verb == "g" and precision == "" then
        return padded(flags, width, float(v))
      elseif type(v) == "string" and (verb == "d" or verb == "i") then
        v = native.tonumber(v) or 0
      elseif type(v) == "number" and v < 0 and find("xXo", verb, 1, true) then
        return padded(flags, width, "-" .. native.format("%" .. verb, -v))
      end
      return native.format("%" .. flags .. width .. precision .. verb, v)
    end))
  end

  function table.concat(list, separator, from, to)
    if type(list) ~= "table" then return native.concat(list, separator, from, to) end
    local texts = {}
    from, to = from or 1, to or #list
    for i = from, to do
      local v = list[i]
      texts[i] = type(v) == "number" and text(v) or v
    end
    return native.concat(texts, separator or "", from, to)
  end

  function string.upper(...)
    local s = ...
    if type(s) == "string" and find(s, "[\128-\255]") then return upper(s) end
    return native.upper(...)
  end

  function string.lower(...)
    local s = ...
    if type(s) == "string" and find(s, "[\128-\255]") then return lower(s) end
    return native.lower(...)
  end

  function print() end
  math.huge = 1.7976931348623157e308

  local joint, right, pending = {}, {}
  local function joined(v)
    local kind = type(v)
    return kind == "string" and v or kind == "number" and text(v)
  end
  setmetatable(joint, {__metatable = false, __concat = function(_, v)
    pending = v
    return right
  end})
  setmetatable(right, {__metatable = false, __concat = function(v, _)
    local a, b = joined(v), joined(pending)
    if a and b then return a .. b end
    error("cannot perform concat operation between " .. type(v) .. " and " .. type(pending), 2)
  end})
  _G._headrace_joint = joint
end
"""
