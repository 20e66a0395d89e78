"""Units: what is measured, and how many of its base unit one is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache


@dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        dimension: What it measures; values of one dimension can be compared.
        factor: Base units in one of it.
        base: The base unit, for people.
        tolerance: The share by which amounts in this and another unit may differ and still be meant as the
            same: 30 days and a month, 5 miles and 8 km, 1 GB and 1024 MB.
    """

    dimension: str
    factor: Fraction
    base: str
    tolerance: Fraction


# dimension | base | factor | tolerance in thousandths | names, parted by commas
_TABLE = """
length|m|0.001|0|mm,millimetre,millimetres,millimeter,millimeters,毫米
length|m|0.01|0|cm,centimetre,centimetres,centimeter,centimeters,厘米,公分
length|m|1|0|m,metre,metres,meter,meters,米,公尺
length|m|1000|0|km,kilometre,kilometres,kilometer,kilometers,公里,千米
length|m|500|0|华里
length|m|0.0254|15|inch,inches,英寸
length|m|0.3048|15|ft,foot,feet,英尺
length|m|0.9144|15|yard,yards,yd,码
length|m|1609.344|15|mile,miles,mi,英里
mass|g|0.001|0|mg,milligram,milligrams,毫克
mass|g|1|0|g,gram,grams,gramme,grammes,克
mass|g|50|0|两重
mass|g|500|0|斤,市斤
mass|g|1000|0|kg,kgs,kilogram,kilograms,kilo,kilos,公斤,千克
mass|g|1000000|0|tonne,tonnes,ton,tons,吨
mass|g|28.3495|15|oz,ounce,ounces,盎司
mass|g|453.592|15|lb,lbs,pound,pounds,磅
time|s|0.001|0|ms,millisecond,milliseconds,毫秒
time|s|1|0|s,sec,secs,second,seconds,秒,秒钟
time|s|60|0|min,mins,minute,minutes,分钟
time|s|900|0|刻钟
time|s|3600|0|h,hr,hrs,hour,hours,小时,个小时,钟头,个钟头
time|s|86400|0|day,days,calendar days,天,日,自然日
time|s|604800|0|week,weeks,周,星期,个星期,礼拜,个礼拜
time|s|2629800|40|month,months,个月
time|s|31557600|15|year,years,yr,yrs,年,周年
working days|working days|1|0|working day,working days,business day,business days
working days|working days|1|0|workday,workdays,工作日,个工作日
area|m²|1|0|m²,m2,sqm,㎡,square metre,square metres,square meter,square meters,平方米,平米
area|m²|10000|0|ha,hectare,hectares,公顷
area|m²|666.667|15|亩
area|m²|4046.86|15|acre,acres,英亩
area|m²|1000000|0|km²,km2,square kilometre,square kilometres
area|m²|1000000|0|square kilometer,square kilometers,平方公里,平方千米
area|m²|0.092903|15|sq ft,square foot,square feet,平方英尺
volume|l|0.001|0|ml,millilitre,millilitres,milliliter,milliliters,毫升
volume|l|1|0|l,litre,litres,liter,liters,升
volume|l|1000|0|m³,m3,cubic metre,cubic metres,cubic meter,cubic meters,立方米
volume|l|3.78541|15|gallon,gallons,加仑
data|B|1|0|byte,bytes,字节
data|B|1000|50|kb,kib,kilobyte,kilobytes
data|B|1000000|50|mb,mib,megabyte,megabytes,兆
data|B|1000000000|50|gb,gib,gigabyte,gigabytes,个g
data|B|1000000000000|50|tb,tib,terabyte,terabytes
data rate|bit/s|1000|0|kbps,kbit/s
data rate|bit/s|1000000|0|mbps,mbit/s
data rate|bit/s|1000000000|0|gbps,gbit/s
data rate|bit/s|8000000|0|mb/s
speed|km/h|1|0|km/h,kmh,kph,公里/小时,公里每小时,千米每小时,kilometres per hour,kilometers per hour
speed|km/h|3.6|0|m/s,米/秒,米每秒
speed|km/h|1.609344|15|mph,miles per hour,英里/小时
temperature|°C|1|0|°c,℃,摄氏度,degrees celsius,degree celsius
degrees|°|1|0|°,degree,degrees,度
power|W|0.001|0|mw
power|W|1|0|w,watt,watts,瓦
power|W|1000|0|kw,kilowatt,kilowatts,千瓦
power|W|1000000|0|megawatt,megawatts,兆瓦
energy|J|1|0|j,joule,joules,焦耳
energy|J|1000|0|kj
energy|J|4184|15|kcal,大卡,千卡
energy|J|3600000|0|kwh,kilowatt hours,kilowatt-hours,千瓦时,度电
charge|mAh|1|0|mah,毫安时
voltage|V|0.001|0|mv,millivolt,millivolts
voltage|V|1|0|v,volt,volts,伏,伏特
voltage|V|1000|0|kv,千伏
current|A|0.001|0|ma,毫安
current|A|1|0|a,amp,amps,ampere,amperes,安培
frequency|Hz|1|0|hz,hertz,赫兹
frequency|Hz|1000|0|khz,千赫
frequency|Hz|1000000|0|mhz,兆赫
frequency|Hz|1000000000|0|ghz
pressure|Pa|1|0|pa,pascal,帕
pressure|Pa|1000|0|kpa,千帕
pressure|Pa|100000|0|bar
pressure|Pa|1000000|0|mpa,兆帕
pressure|Pa|6894.76|15|psi
pixels|px|1|0|px,pixel,pixels,像素
share|1|0.01|0|%,percent,per cent,percentage point,percentage points,pct,个百分点
share|1|0.001|0|‰,per mille
times|times|1|0|times,time,次,遍,回
ratio|×|1|0|倍,fold
CNY|CNY|1|0|yuan,rmb,cny,renminbi,元,块,块钱,元人民币,人民币
CNY|CNY|0.1|0|jiao,角,毛钱
USD|USD|1|0|dollar,dollars,usd,us dollars,us dollar,美元,美金
USD|USD|0.01|0|cent,cents,美分
EUR|EUR|1|0|euro,euros,eur,€,欧元
GBP|GBP|1|0|gbp,pounds sterling,英镑
JPY|JPY|1|0|yen,jpy,日元
HKD|HKD|1|0|hkd,hk dollars,港元,港币
"""
CURRENCIES = frozenset({"CNY", "USD", "EUR", "GBP", "JPY", "HKD"})
CURRENCY_SIGNS = {
    "us$": "USD", "hk$": "HKD", "$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY",
    "rmb": "CNY", "cny": "CNY", "usd": "USD", "eur": "EUR", "gbp": "GBP",
}  # fmt: skip
# Of one letter, so that they are units only right behind digits.
_SHORT = frozenset(
    {"m", "g", "s", "h", "l", "w", "v", "a", "j", "mi", "pa", "ms", "ma", "mw", "mv", "ha", "cm"}
)


@cache
def _units() -> dict[str, Unit]:
    found = {}
    for line in _TABLE.strip().splitlines():
        dimension, base, factor, thousandths, names = line.split("|")
        unit = Unit(dimension, Fraction(factor), base, Fraction(int(thousandths), 1000))
        found.update(dict.fromkeys(names.split(","), unit))
    return found


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(_units(), key=len, reverse=True)
    latin = [
        re.escape(name).replace(r"\ ", r"\s+") for name in names if name[0].isascii() and name[0].isalpha()
    ]
    other = [re.escape(name) for name in names if not (name[0].isascii() and name[0].isalpha())]
    return re.compile(rf"\s?(?:(?P<other>{'|'.join(other)})|-?(?P<latin>{'|'.join(latin)})(?![a-z0-9]))")


def unit_named(name: str) -> Unit | None:
    """Give the unit of that name in lower case, or None."""
    return _units().get(name)


def unit_at(low: str, place: int, *, after_digits: bool) -> tuple[Unit, int] | None:
    """Find a unit that stands at a place of a text in lower case, and where it ends."""
    match = _pattern().match(low, place)
    if match is None:
        return None
    name = re.sub(r"\s+", " ", match["other"] or match["latin"])
    if name in _SHORT and not after_digits:
        return None
    if name == "time" and low[place - 4 : place].strip() not in ("one", "1"):
        return None
    return _units()[name], match.end()
