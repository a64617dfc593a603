package storagetest

import "postern/idp"

var brandCases = map[string]func(w *world){
	"a tenant's logo replaces the one before": brandLogos,
}

func brandLogos(w *world) {
	_, err := w.store.FindBrandLogo(w.ctx, w.a.id, "1")
	w.is(idp.ErrNotFound, err, "none yet")
	for _, hash := range []string{"1", "2"} {
		want := idp.LogoFile{TenantID: w.a.id, Hash: hash, PNG: []byte("png " + hash)}
		w.ok(w.store.SaveBrandLogo(w.ctx, want), "save")
		got, err := w.store.FindBrandLogo(w.ctx, w.a.id, hash)
		w.ok(err, "find")
		w.same(want, got, "logo")
	}
	_, err = w.store.FindBrandLogo(w.ctx, w.a.id, "1")
	w.is(idp.ErrNotFound, err, "the one before")
	_, err = w.store.FindBrandLogo(w.ctx, w.b.id, "2")
	w.is(idp.ErrNotFound, err, "the other tenant's")
	w.ok(w.store.SaveBrandLogo(w.ctx, idp.LogoFile{TenantID: w.b.id, Hash: "2", PNG: []byte("b")}), "save the other's")
	got, err := w.store.FindBrandLogo(w.ctx, w.a.id, "2")
	w.ok(err, "find after the other's")
	w.same([]byte("png 2"), got.PNG, "logo after the other's")
}
